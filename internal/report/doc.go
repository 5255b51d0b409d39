// Package report computes the figures of a period from the views for analysts, and
// draws them as one HTML page that needs no network.
//
// It guarantees that
//
//   - the figures are those of the views: no metric is defined here;
//   - both destinations give the same figures;
//   - a day that was not read has no figures, instead of zeros, and a day that is not
//     complete is marked;
//   - the page is readable without scripts and in print; its only scripts are those of
//     the page, which its content security policy names by their hashes.
//
// The package must not know a concrete destination, nor where a page is served or sent.
package report
