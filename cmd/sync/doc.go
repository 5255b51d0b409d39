// Command sync is convsync: it keeps a warehouse in sync with PolyAI
// conversations.
//
// Each command has a file of its own: newXCommand declares its flags, xOptions
// holds them, runX does it. This package is the only one that knows concrete
// destinations; it wires the stages of internal/ together (wire.go) and decides
// exit codes (exit.go), and holds no logic of the sync itself.
package main
