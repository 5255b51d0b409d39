package pgtest

import (
	"net"
	"strings"
	"testing"
)

func TestStart_PortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, taken, _ := net.SplitHostPort(l.Addr().String())
	s, err := startOn(kind{}, append([]string{taken}, somePorts()...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	if s.port == taken {
		t.Error("the server reports a port that is in use")
	}
	Exec(t, s.url, "SELECT 1")

	if s, err := startOn(kind{}, taken); err == nil {
		s.stop()
		t.Error("it starts although its only port is in use")
	} else if !strings.Contains(err.Error(), "could not bind") {
		t.Errorf("the error has no reason: %v", err)
	}
}

func TestSomePorts(t *testing.T) {
	t.Parallel()
	ports := somePorts()
	if len(ports) != 20 {
		t.Errorf("%d ports, want 20", len(ports))
	}
	for _, p := range ports {
		if len(p) != 5 || p < "10000" || p >= "32000" {
			t.Errorf("port %s is not in the range", p)
		}
	}
}
