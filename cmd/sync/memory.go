package main

import (
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// The defaults of Go's garbage collector. $GOGC and $GOMEMLIMIT replace them.
const (
	// gcPercent lets garbage grow to twice the size of the live data.
	gcPercent = 200
	// gcPercentPostgres is Go's own default: the server does most of the work, so
	// that less memory is worth more than a little less work of the client.
	gcPercentPostgres = 100
	// memoryLimit is a soft limit: near it, the collector runs as often as it takes
	// to stay below, so that a run needs about 230 MB.
	memoryLimit = 160 << 20
)

// tuneMemory sets how much memory the process uses.
func tuneMemory(lookupEnv func(string) (string, bool), root fs.FS) {
	percent, limit := memorySettings(lookupEnv, root)
	if percent != 0 {
		debug.SetGCPercent(percent)
	}
	if limit != 0 {
		debug.SetMemoryLimit(limit)
	}
}

// tuneMemoryForPostgres sets what differs for a destination in Postgres.
func tuneMemoryForPostgres(lookupEnv func(string) (string, bool)) {
	if text, _ := lookupEnv("GOGC"); text == "" {
		debug.SetGCPercent(gcPercentPostgres)
	}
}

// memorySettings returns what to set; 0 for what the environment has set already.
func memorySettings(lookupEnv func(string) (string, bool), root fs.FS) (percent int, limit int64) {
	if text, _ := lookupEnv("GOGC"); text == "" {
		percent = gcPercent
	}
	if text, _ := lookupEnv("GOMEMLIMIT"); text == "" {
		limit = softLimit(containerLimit(root))
	}
	return percent, limit
}

// softLimit returns the soft limit in a container that may use so many bytes: 5/8
// of them, since the process needs memory that the collector does not manage,
// such as the program itself.
func softLimit(container int64) int64 {
	if container == math.MaxInt64 {
		return memoryLimit
	}
	return container / 8 * 5
}

// containerLimit returns the bytes that the container (the control group) of the
// process may use; math.MaxInt64 without a limit, or where there are no control
// groups. root is the root of the file system.
func containerLimit(root fs.FS) int64 {
	limit := int64(math.MaxInt64)
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return limit
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(fields) != 3 {
			continue
		}
		switch {
		case fields[0] == "0" && fields[1] == "": // version 2
			limit = min(limit, groupLimit(root, "sys/fs/cgroup", fields[2], "memory.max"))
		case strings.Contains(","+fields[1]+",", ",memory,"): // version 1
			limit = min(limit, groupLimit(root, "sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	return limit
}

// groupLimit returns the smallest limit of a control group and those around it. In
// a container, the path may be that of the host: then only its last parent exists.
func groupLimit(root fs.FS, base, group, file string) int64 {
	limit := int64(math.MaxInt64)
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		if text, err := fs.ReadFile(root, path.Join(base, group, file)); err == nil {
			n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			const unlimited = 1 << 60 // version 1 writes a large number, version 2 "max"
			if err == nil && n > 0 && n < unlimited {
				limit = min(limit, n)
			}
		}
		if group == "/" {
			return limit
		}
	}
}
