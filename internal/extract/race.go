//go:build race

package extract

func init() { poisonChunks = true }
