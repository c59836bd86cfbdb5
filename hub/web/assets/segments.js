// How many segments a text takes over the air: as hub/formats/sms.py, whose alphabet the page hands over (3GPP TS 23.038).
const ROOM = { gsm: [160, 153], ucs: [70, 67] };

export function segments(text, { basic, extension }) {
  const all = [...text];
  const gsm = all.every((each) => basic.includes(each) || extension.includes(each));
  const sizes = all.map((each) => (gsm ? (extension.includes(each) ? 2 : 1) : each.length));
  const [alone, part] = ROOM[gsm ? "gsm" : "ucs"];
  const units = sizes.reduce((sum, size) => sum + size, 0);
  if (units <= alone) return { count: text ? 1 : 0, left: alone - units };
  let count = 1;
  let filled = 0;
  for (const size of sizes) {
    if (filled + size > part) {
      count += 1;
      filled = 0;
    }
    filled += size;
  }
  return { count, left: part - filled };
}
