// Sparkplug payloads by Eclipse Tahu's own package: bytes in, what they say out, and back.
// A line of JSON in, {"decode": hex} or {"encode": payload}, is a line of JSON out.
import readline from "node:readline";
import Long from "long";
import sparkplug from "sparkplug-payload";

const { decodePayload, encodePayload } = sparkplug.get("spBv1.0");

const plain = (_, value) => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return Long.isLong(value) ? value.toString() : value;
};
Long.prototype.toJSON = undefined;

// 64-bit integers come as decimal text.
const wide = new Set(["Int64", "UInt64", "DateTime"]);
const metric = (one) => ({
  ...one,
  value: wide.has(one.type) && one.value !== null ? Long.fromString(one.value) : bytes(one),
});
const bytes = ({ type, value }) => (type === "Bytes" ? Buffer.from(value, "hex") : value);

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { decode, encode } = JSON.parse(line);
  const answer =
    decode === undefined
      ? { encoded: Buffer.from(encodePayload({ ...encode, metrics: encode.metrics.map(metric) })).toString("hex") }
      : { decoded: decodePayload(Buffer.from(decode, "hex")) };
  process.stdout.write(JSON.stringify(answer, plain) + "\n");
}
