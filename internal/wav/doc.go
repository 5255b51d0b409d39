// Package wav reads the header of a WAV file: codec, channels, sample rate, and where
// the samples are. It reads no samples.
//
// It is lenient where real recordings deviate: sizes that are missing, 0 or
// 0xFFFFFFFF (streamed files), chunks in any order, WAVE_FORMAT_EXTENSIBLE, G.711,
// and RF64. It allocates nothing by a size that a file declares, and never reads
// beyond the bytes that it gets.
//
// It must not know recordings, stores or the API.
package wav
