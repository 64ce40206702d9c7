/** The workspace of those who name none. */
export const DEFAULT_WORKSPACE = 'default';
