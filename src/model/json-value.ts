/**
 * How an OTLP AnyValue is written as JSON text, without loss, so that a person can query it with SQL:
 *
 * | OTLP value                      | JSON text                                                        |
 * |---------------------------------|------------------------------------------------------------------|
 * | string                          | string                                                           |
 * | bool                            | true / false                                                     |
 * | int64 within ±(2^53 − 1)        | number without point or exponent: 42                             |
 * | int64 beyond that               | {"$int":"9223372036854775807"} (JavaScript readers stay exact)   |
 * | double, finite                  | number with a point or exponent: 1.0, 0.25, 1e+300, -0.0         |
 * | double, not finite              | {"$double":"NaN"}, {"$double":"Infinity"}, {"$double":"-Infinity"} |
 * | bytes                           | {"$bytes":"<base64>"}                                            |
 * | array                           | array                                                            |
 * | kvlist                          | object, last value wins for a repeated key                       |
 * | kvlist with one key out of those tags | {"$map":{…}}                                               |
 * | no value                        | null                                                             |
 */
export const TAGS = ['$int', '$double', '$bytes', '$map'] as const;

/**
 * How deep values nest: a value in an array or kvlist is one deeper than it. Deeper payloads are refused. (protobuf
 * decoders stop at 100 messages, which is 31 kvlists.)
 */
export const MAX_VALUE_DEPTH = 64;
