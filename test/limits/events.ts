import { vi } from 'vitest';

export function recordEvents() {
  return { refused: vi.fn(), sharing: vi.fn(), alone: vi.fn(), forgotten: vi.fn() };
}
