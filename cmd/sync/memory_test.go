package main

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestContainerLimit(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"None": {fstest.MapFS{}, math.MaxInt64},
		"V2": {fstest.MapFS{
			"proc/self/cgroup":         file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("536870912\n"),
		}, 512 << 20},
		"V2Parent": {fstest.MapFS{
			"proc/self/cgroup":                           file("0::/a.slice/b.service\n"),
			"sys/fs/cgroup/a.slice/b.service/memory.max": file("max\n"),
			"sys/fs/cgroup/a.slice/memory.max":           file("1073741824\n"),
		}, 1 << 30},
		"V2Unlimited": {fstest.MapFS{
			"proc/self/cgroup":         file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("max\n"),
		}, math.MaxInt64},
		"V1": {fstest.MapFS{
			"proc/self/cgroup":                           file("11:memory:/docker/c0ffee\n3:cpu,cpuacct:/docker/c0ffee\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("268435456\n"), // its own root, as a container sees it
		}, 256 << 20},
		"V1Unlimited": {fstest.MapFS{
			"proc/self/cgroup":                           file("11:memory:/\n0::/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, math.MaxInt64},
		"Damaged": {fstest.MapFS{
			"proc/self/cgroup":         file("0::/../../x\n7\n\n"),
			"sys/fs/cgroup/memory.max": file("a lot\n"),
		}, math.MaxInt64},
	} {
		if got := containerLimit(c.root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestSoftLimit(t *testing.T) {
	t.Parallel()
	for container, want := range map[int64]int64{
		math.MaxInt64: 160 << 20,
		256 << 20:     160 << 20,
		128 << 20:     80 << 20,
		512 << 20:     320 << 20, // as in deploy/kubernetes
		1 << 30:       640 << 20, // as in deploy/systemd
	} {
		if got := softLimit(container); got != want {
			t.Errorf("container of %d bytes: %d, want %d", container, got, want)
		}
	}
}

func TestMemorySettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		environment map[string]string
		percent     int
		limit       int64
	}{
		"Default":       {nil, gcPercent, memoryLimit},
		"Percent":       {map[string]string{"GOGC": "off"}, 0, memoryLimit},
		"Limit":         {map[string]string{"GOMEMLIMIT": "1GiB"}, gcPercent, 0},
		"Both":          {map[string]string{"GOGC": "50", "GOMEMLIMIT": "off"}, 0, 0},
		"EmptyIsNotSet": {map[string]string{"GOGC": "", "GOMEMLIMIT": ""}, gcPercent, memoryLimit},
	} {
		lookupEnv := func(name string) (string, bool) {
			text, set := c.environment[name]
			return text, set
		}
		if percent, limit := memorySettings(lookupEnv, fstest.MapFS{}); percent != c.percent || limit != c.limit {
			t.Errorf("%s: %d and %d, want %d and %d", name, percent, limit, c.percent, c.limit)
		}
	}
}
