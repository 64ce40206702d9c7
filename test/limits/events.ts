import { vi } from 'vitest';

export function recordEvents() {
  return { sharing: vi.fn(), alone: vi.fn(), forgotten: vi.fn() };
}
