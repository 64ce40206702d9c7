/** A part of a list, and how many there are in all. */
export interface Slice {
  limit: number;
  offset: number;
}

export interface Slices<Item> {
  items: Item[];
  total: number;
}
