package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server is the HTTP server.
type Server struct {
	options  Options
	watch    *watch
	guard    *guard
	http     *http.Server
	listener net.Listener
	halt     context.CancelFunc // of the watch
	working  sync.WaitGroup
	stopping atomic.Bool
}

// New checks the options and creates a server. Start starts it.
func New(o Options) (*Server, error) {
	o.setDefaults()
	o.started = time.Now()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("the server cannot start: %w", err)
	}
	s := &Server{options: o, watch: newWatch(&o), guard: newGuard(&o)}
	handler, err := s.routes()
	if err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	if o.CertFile != "" {
		s.http.TLSConfig = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: (&certificate{certFile: o.CertFile, keyFile: o.KeyFile}).get,
		}
	}
	return s, nil
}

func (s *Server) routes() (http.Handler, error) {
	registry, err := s.options.Metrics.registry(s.watch, &s.options)
	if err != nil {
		return nil, err
	}
	shown := http.NewServeMux()
	shown.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelWarn),
	}))
	shown.HandleFunc("GET /{$}", s.servePage)
	shown.HandleFunc("GET /style.css", serveStyle)
	shown.HandleFunc("GET /runbooks/{name}", serveRunbook)
	shown.Handle("GET /transcript", s.options.transcripts())
	shown.Handle("GET /report", orNothing(s.options.Report))

	all := http.NewServeMux()
	all.HandleFunc("GET /healthz", s.serveHealth)
	all.HandleFunc("GET /readyz", s.serveReadiness)
	all.Handle("POST /webhooks/polyai", orNothing(s.options.Webhooks))
	all.Handle("/", s.guard.admit(&s.options, shown))
	return harden(all), nil
}

// serveHealth responds as long as the process runs.
func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "ok")
}

// serveReadiness reports whether this process serves requests. It does not depend
// on the destination: a pod that is taken out of service because Postgres is down
// could not show that on its page.
func (s *Server) serveReadiness(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// Start listens and serves until Stop. When ctx ends, the page is no longer
// updated, but the server continues.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("the server cannot listen on %s: %w", s.options.Address, err)
	}
	s.listener = listener
	secure := s.options.CertFile != "" // http.Server may set TLSConfig itself
	ctx, s.halt = context.WithCancel(ctx)
	s.working.Go(func() { s.watch.run(ctx) })
	if s.options.Renew != nil {
		s.working.Go(func() { s.guard.renew(ctx, &s.options) })
	}
	s.working.Go(func() {
		serve := s.http.Serve
		if secure {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.options.Log.Error("the HTTP server stopped unexpectedly", "error", err)
		}
	})
	s.options.Log.Info("serving", "address", listener.Addr().String(), "tls", secure, "guarded", s.options.guarded())
	if s.options.inClearText() {
		s.options.Log.Warn("the status page can be reached from other machines without TLS: the token or password is sent in clear text",
			"address", s.options.Address, "hint", "set serve.cert_file and serve.key_file, or listen on 127.0.0.1 and let a reverse proxy on this machine terminate TLS")
	}
	return nil
}

// URL is the address of the page for a browser on this machine.
func (s *Server) URL() string {
	scheme := "http"
	if s.options.CertFile != "" {
		scheme = "https"
	}
	host, _, _ := net.SplitHostPort(s.options.Address) // reachable handles a listen address of all interfaces
	_, port, _ := net.SplitHostPort(s.Addr().String())
	return scheme + "://" + net.JoinHostPort(reachable(host), port)
}

// Addr is the address of a started server.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Refresh triggers a read of the destination, as after a run. It does not wait.
func (s *Server) Refresh() { s.watch.hurry() }

// Stop waits for requests in progress, and cancels them when ctx ends. It does
// nothing if the server was not started.
func (s *Server) Stop(ctx context.Context) error {
	if s.listener == nil {
		return nil
	}
	s.stopping.Store(true)
	s.halt()
	var err error
	if s.http.Shutdown(ctx) != nil { // a request is still in progress, which is not an error
		err = s.http.Close()
	}
	done := make(chan struct{})
	go func() { s.working.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		err = cmp.Or(err, ctx.Err())
	}
	return err
}
