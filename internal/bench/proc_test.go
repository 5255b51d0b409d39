package bench

import (
	"os"
	"strconv"
	"strings"
)

// parent returns the parent of a process; 0 where there is no /proc.
func parent(pid int) int {
	fields := stat(pid)
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(fields[1])
	return n
}

// endedChildren returns the CPU seconds of the children of a process that have
// ended; 0 where there is no /proc.
func endedChildren(pid int) float64 {
	fields := stat(pid)
	if len(fields) < 15 {
		return 0
	}
	const perSecond = 100 // USER_HZ of Linux
	user, _ := strconv.ParseFloat(fields[13], 64)
	system, _ := strconv.ParseFloat(fields[14], 64)
	return (user + system) / perSecond
}

// stat returns the fields of /proc/PID/stat from the state on.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}
