/** A Parquet file as rows, by another library than the one that wrote it; times stay whole microseconds. */
import { gunzipSync } from 'node:zlib';
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet';

export type TableRow = Record<string, string | boolean | number | bigint | null>;

function own(body: Uint8Array): ArrayBuffer {
  return new Uint8Array(body).buffer;
}

export async function rowsIn(body: Uint8Array, columns?: string[]): Promise<TableRow[]> {
  const rows = await parquetReadObjects({
    file: own(body),
    ...(columns && { columns }),
    parsers: { timestampFromMicroseconds: (micros) => micros },
    compressors: { GZIP: (input) => gunzipSync(input) },
  });
  return rows as TableRow[];
}

export function metadataIn(body: Uint8Array): FileMetaData {
  return parquetMetadata(own(body));
}
