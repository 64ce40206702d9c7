/** How many bytes a workspace has stored. */
import { describe, expect, test } from 'vitest';
import { recordSource } from '../../../../helpers/records.js';
import type { OpenSession } from '../../session.js';
import { native } from './frames.js';

export function storedBytesContract(open: OpenSession): void {
  describe('bytes', () => {
    test('a workspace is said to hold other bytes than were received of it', async () => {
      const session = await open({ blockMaxSpans: 4 });
      const source = recordSource(140);
      expect(await session.store.storedBytes('default')).toBe(0);
      const spans = source.trace(3);
      await session.write([
        session.frame({ bytes: 1000, spans }),
        session.frame({ bytes: 10, logRecords: [source.logRecord()] }),
        session.frame({ bytes: 5, workspace: 'other', metricPoints: [source.metricPoint('sum')] }),
      ]);
      await session.writeOne({ bytes: 200, spans: source.trace(3) }, 1);
      const frame = await session.writeOne({ bytes: 30, spans: source.trace(3) });
      await session.write([frame]);
      await session.writeOne({ bytes: 7, native: native(), spans });
      await session.target.reopen();
      expect(await session.store.storedBytes('default')).toBe(1240);
      expect(await session.store.storedBytes('other')).toBe(5);
      expect(await session.store.storedBytes('none')).toBe(0);
    });
  });
}
