package config

import (
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaults returns the document with its default values.
func defaults() document {
	day := 24 * time.Hour
	return document{
		Sync: syncKeys{
			Start:                instant(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)),
			Lookback:             lookbackKeys{duration(time.Hour), duration(day), duration(7 * day)},
			OpenAgeLimit:         duration(7 * day),
			PageSize:             500,
			MaxConversationMB:    64,
			Workers:              workersKeys{Extract: 4, Transform: 0, Load: 2},
			MaxRequestsPerSecond: 5,
			OnMissing:            MissingMark,
			MissingLimit:         missingKeys{Share: 0.1, AtLeast: 20},
			Audio: audioKeys{
				policyKeys: policyKeys{Mode: AudioReference, Directions: []string{"combined"}, Redacted: RedactedTrue},
				Share:      0.2, Workers: 2,
			},
		},
		Serve: serveKeys{Listen: "127.0.0.1:8080", StateFile: "convsync-schedules.json", StaleAfter: duration(26 * time.Hour)},
	}
}

// resolve checks the whole document and creates the configuration. The result
// is valid only if nothing was reported.
func resolve(doc *document, r *report, opts Options) *Config {
	resolver := &resolver{report: r, doc: doc, now: opts.now(), withoutKeys: opts.WithoutKeys}
	cfg := &Config{
		Source:      Source{CACertificates: resolver.certificates()},
		Projects:    resolver.projects(),
		Destination: resolver.destination(),
		Sync:        resolver.sync(),
	}
	cfg.Recordings = resolver.recordings(cfg.Destination.Parquet)
	resolver.storable(cfg)
	cfg.Schedules = resolver.schedules(cfg)
	cfg.Serve = resolver.serve()
	cfg.Notify = resolver.notify(cfg.Serve.StateFile)
	cfg.HandoffReasonMap = resolver.handoffReasons()
	return cfg
}

// handoffReasons returns the map of handoff reasons. Questions get it as lines
// "reason => group".
func (r *resolver) handoffReasons() map[string]string {
	for reason, group := range r.doc.HandoffReasonMap {
		if text := reason + group; strings.ContainsAny(text, "\r\n") || strings.Contains(text, " => ") {
			r.add(join("handoff_reason_map", reason), "has a line break or \" => \"; expected a reason and its group without them")
		}
	}
	return r.doc.HandoffReasonMap
}

type resolver struct {
	withoutKeys bool
	*report
	doc *document
	now time.Time
}

// choice reports a value that is not one of the valid ones.
func (r *resolver) choice(path, value string, known ...string) string {
	if value != "" && !slices.Contains(known, value) {
		r.add(path, "%s is not known; %s", r.show(path, value), oneOf(value, known))
	}
	return value
}

// secret returns the secret from the one of three keys that is set: the value,
// a file with it, or a command that prints it.
func (r *resolver) secret(path, value, file, command string) Secret {
	var written []string
	for _, key := range []string{path, path + "_file", path + "_command"} {
		if r.given(key) {
			written = append(written, key)
		}
	}
	if len(written) > 1 {
		r.add(written[1], "is set in addition to %s; expected only one of %s", lastStep(written[0]),
			enumerate([]string{lastStep(path), lastStep(path) + "_file", lastStep(path) + "_command"}))
	}
	if value+file+command == "" {
		return Secret{}
	}
	s := Secret{
		key:     path,
		value:   value,
		file:    inFolderOf(r.file, file),
		written: file,
		command: command,
	}
	switch {
	case file != "":
		s.key += "_file"
	case command != "":
		s.key += "_command"
	}
	return s
}

func lastStep(path string) string { return path[strings.LastIndex(path, ".")+1:] }

func (r *resolver) timeZone(path, name string) string {
	if name == "" {
		return "UTC"
	}
	// LoadLocation would accept "Local", which differs between machines.
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		r.add(path, "%s is not a known time zone; expected an IANA name, such as Europe/London or America/New_York", r.show(path, name))
	}
	return name
}

func (r *resolver) start(path string, start instant) time.Time {
	at := time.Time(start)
	if at.After(r.now) {
		r.add(path, "%s is in the future; expected the day on which the history starts", r.show(path, at.Format(time.RFC3339)))
	}
	return at
}

func (r *resolver) sync() Sync {
	s := r.doc.Sync
	r.within("sync.page_size", s.PageSize, 1, 1000, "the API's limit")
	r.within("sync.max_conversation_mb", s.MaxConversationMB, 1, 256, "which is the limit of a JSON value in Postgres")
	if s.MaxRejects < 0 {
		r.add("sync.max_rejects", "%s is out of range; expected 0 or more", r.show("sync.max_rejects", strconv.Itoa(s.MaxRejects)))
	}
	if n := s.MaxRequestsPerSecond; n != n || n <= 0 || n > 1000 {
		r.add("sync.max_requests_per_second", "%s is out of range; expected more than 0, at most 1000", r.show("sync.max_requests_per_second", fmt.Sprint(n)))
	}
	return Sync{
		MissingLimit: r.missingLimit("sync.missing_limit", s.MissingLimit),
		Lookback:     r.lookback("sync.lookback", s.Lookback),
		OpenAgeLimit: time.Duration(s.OpenAgeLimit),
		PageSize:     s.PageSize,

		MaxConversationBytes: s.MaxConversationMB << 20,
		Workers: Workers{
			Extract:   r.workers("sync.workers.extract", s.Workers.Extract, 256),
			Transform: r.workers("sync.workers.transform", s.Workers.Transform, 256),
			Load:      r.workers("sync.workers.load", s.Workers.Load, mostLoaders),
		},
		Adaptive:    s.Adaptive,
		OnMissing:   r.choice("sync.on_missing", s.OnMissing, MissingMark, MissingDelete),
		FailOnDrift: s.FailOnDrift,
		MaxRejects:  s.MaxRejects,
		Audio:       r.audioWork(),
	}
}

func (r *resolver) serve() Serve {
	s := r.doc.Serve
	if host, port, err := net.SplitHostPort(s.Listen); err != nil || host == "" || port == "" {
		r.add("serve.listen", "%s is not an address; expected host:port, such as 127.0.0.1:8080", r.show("serve.listen", s.Listen))
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		r.add("serve.cert_file", "and serve.key_file belong together; expected both, or neither")
	}
	password := r.secret("serve.password", s.Password, s.PasswordFile, s.PasswordCommand)
	if (s.User == "") != password.IsZero() && !r.reported("serve.user") {
		r.add("serve.user", "and serve.password belong together; expected both, or neither")
	}
	if strings.Contains(s.User, ":") {
		r.add("serve.user", "contains a colon, which browsers cannot send; expected a name without one, and the password in serve.password")
	}
	return Serve{
		Listen:         s.Listen,
		Token:          r.secret("serve.token", s.Token, s.TokenFile, s.TokenCommand),
		User:           s.User,
		Password:       password,
		CertFile:       inFolderOf(r.file, s.CertFile),
		KeyFile:        inFolderOf(r.file, s.KeyFile),
		StateFile:      inFolderOf(r.file, s.StateFile),
		StaleAfter:     time.Duration(s.StaleAfter),
		PublicURL:      r.publicURL("serve.public_url", s.PublicURL),
		WebhookSecrets: r.webhookSecrets(s.Webhooks),
	}
}

// publicURL returns an address of the page, without a slash at its end.
func (r *resolver) publicURL(path, text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		r.add(path, "%s is not the address of a page; expected one such as https://convsync.example.com, without a user and parameters", r.show(path, text))
	}
	return strings.TrimRight(text, "/")
}

// webhookSecrets returns all configured secrets, from any of the three keys.
func (r *resolver) webhookSecrets(w webhookKeys) (secrets []Secret) {
	const path = "serve.webhooks."
	for i, value := range w.Secrets {
		secrets = append(secrets, Secret{key: fmt.Sprintf("%ssecrets[%d]", path, i), value: value})
	}
	for i, file := range w.SecretFiles {
		secrets = append(secrets, Secret{key: fmt.Sprintf("%ssecret_files[%d]", path, i), file: inFolderOf(r.file, file), written: file})
	}
	for i, command := range w.SecretCommands {
		secrets = append(secrets, Secret{key: fmt.Sprintf("%ssecret_commands[%d]", path, i), command: command})
	}
	return secrets
}

func (r *resolver) within(path string, n, least, most int, why string) {
	if n < least || n > most {
		r.add(path, "%s is out of range; expected %d to %d, %s", r.show(path, strconv.Itoa(n)), least, most, why)
	}
}

// mostLoaders is the number of connections that a run has to Postgres, besides that
// of the writer lock: more loaders would wait for each other.
const mostLoaders = 4

func (r *resolver) workers(path string, n, most int) int {
	r.within(path, n, 0, most, "where 0 means one per CPU core")
	if n == 0 {
		return min(runtime.GOMAXPROCS(0), most)
	}
	return n
}

func (r *resolver) missingLimit(path string, keys missingKeys) MissingLimit {
	if s := keys.Share; s != s || s < 0 || s > 1 {
		r.add(path+".share", "%s is out of range; expected 0 to 1, where 0.1 is 10 %%", r.show(path+".share", fmt.Sprint(s)))
	}
	if keys.AtLeast < 1 {
		r.add(path+".at_least", "%s is out of range; expected 1 or more", r.show(path+".at_least", strconv.Itoa(keys.AtLeast)))
	}
	return MissingLimit(keys)
}

func (r *resolver) lookback(path string, keys lookbackKeys) Lookback {
	if keys.Hourly < keys.EachRun {
		r.add(path+".hourly", "is shorter than each_run; expected each_run ≤ hourly ≤ daily")
	}
	if keys.Daily < keys.Hourly {
		r.add(path+".daily", "is shorter than hourly; expected each_run ≤ hourly ≤ daily")
	}
	return Lookback{
		EachRun: time.Duration(keys.EachRun),
		Hourly:  time.Duration(keys.Hourly),
		Daily:   time.Duration(keys.Daily),
	}
}
