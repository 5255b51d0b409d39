// Package transform converts one conversation, as the API returned it, to the
// rows that are stored. It is pure: the same input and options always give the
// same rows, so an unchanged conversation has an unchanged content hash.
//
// No value is lost silently. A field without a column is stored in extra. A value
// that cannot be read becomes NULL, and its raw value is stored in extra. Both are
// reported as drift. Values that a destination cannot store are replaced in the
// same way for all destinations.
//
// [Rules] change a decoded conversation before its rows are made and hashed. They
// also apply to what is stored without being decoded, and to stored parts that the
// source hides.
//
// The package sends no requests, and is independent of destinations and the clock.
package transform
