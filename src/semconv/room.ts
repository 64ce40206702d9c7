/** How much of a conversation is shown: what comes behind it is left out, and `truncated` says so. */
const MAX_PARTS = 10_000;
const MAX_CHARS = 8 * 1024 * 1024;
/** Of one text: as long as the store keeps them, if nobody says otherwise, and the mark where it has cut one. */
const MAX_TEXT_CHARS = 1024 * 1024 + 100;

export class Room {
  truncated = false;
  private parts = MAX_PARTS;
  private chars = MAX_CHARS;

  /** Whether there is room for one more. */
  takesPart(): boolean {
    this.parts -= 1;
    this.truncated ||= this.parts < 0;
    return this.parts >= 0;
  }

  text(text: string): string {
    const kept = text.slice(0, Math.min(MAX_TEXT_CHARS, this.chars));
    this.chars -= kept.length;
    this.truncated ||= kept.length < text.length;
    return kept;
  }
}
