import { z } from 'zod';

/** 204. */
export const deletedSchema = z.null().describe('Deleted');
