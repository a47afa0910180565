// EXIF and MPF are TIFF: tables of entries (tag, type, count, and a value or where it is), numbers in
// the order of bytes that its first two name.

const ENTRY = 12; // bytes
const INLINE = 4; // bytes of a value that stands in the entry itself
const LITTLE = 0x4949;
const BIG = 0x4d4d;

/** Of bytes that it reads and changes in their place. */
export class Tiff {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isOne() {
    return this.bytes.length >= 8 && [LITTLE, BIG].includes(this.view.getUint16(0));
  }

  get little() {
    return this.view.getUint16(0) === LITTLE;
  }

  short(at) {
    return this.view.getUint16(at, this.little);
  }

  long(at) {
    return this.view.getUint32(at, this.little);
  }

  setShort(at, number) {
    this.view.setUint16(at, number, this.little);
  }

  setLong(at, number) {
    this.view.setUint32(at, number, this.little);
  }

  /** Where the first table is, and that which follows it, if any: with where its entries end. */
  tables() {
    const tables = [];
    for (let at = this.isOne && this.long(4); at && tables.length < 2;) {
      const entries = at + 2;
      if (entries > this.bytes.length) break;
      const end = entries + ENTRY * this.short(at);
      if (end > this.bytes.length) break;
      tables.push({ at, entries, end });
      at = end + 4 <= this.bytes.length && this.long(end);
    }
    return tables;
  }

  /** The entry of this tag: where it is and where its value is (`from`, `to`), which is bytes. */
  find(table, tag) {
    for (let at = table.entries; at < table.end; at += ENTRY) {
      if (this.short(at) === tag) return { at, ...this.#value(at, table) };
    }
    return undefined;
  }

  // Nowhere where it points out of the file, or at the table.
  #value(at, table) {
    const count = this.long(at + 4);
    const from = count <= INLINE ? at + 8 : this.long(at + 8);
    const to = from + count;
    const isInTable = count > INLINE && from < table.end && to > table.at;
    return from < 8 || to > this.bytes.length || isInTable ? { from, to: from } : { from, to };
  }

  /** Takes an entry out. What the others point at stays where it is. */
  remove({ at, end }, entry) {
    const rest = Math.min(end + 4, this.bytes.length); // with where the next table is
    this.bytes.copyWithin(entry.at, entry.at + ENTRY, rest);
    this.bytes.fill(0, rest - ENTRY, rest);
    this.setShort(at, this.short(at) - 1);
  }
}
