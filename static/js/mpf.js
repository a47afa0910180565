// MPF says where further pictures are that follow the first, such as a gain map: counted from itself.

import { encode, join } from "./bytes.js";
import { Tiff } from "./tiff.js";

export const MPF = encode("MPF\0");
const PICTURES = 0xb002;
const [SIZE, PLACE, RECORD] = [4, 8, 16]; // bytes in what is said of each picture

/** The content of the segment, once the first picture is longer, by so much of it behind the segment. */
export function moved(content, longer, behind) {
  const copy = join([content]);
  const tiff = new Tiff(copy.subarray(MPF.length));
  const [table] = tiff.tables();
  const pictures = table && tiff.find(table, PICTURES);
  for (let at = pictures?.from; at + RECORD <= pictures?.to; at += RECORD) {
    const isFirst = tiff.long(at + PLACE) === 0;
    const [field, more] = isFirst ? [SIZE, longer] : [PLACE, behind];
    tiff.setLong(at + field, tiff.long(at + field) + more);
  }
  return copy;
}
