package webhook

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// The headers of a delivery.
const (
	HeaderTimestamp = "X-PolyAI-Timestamp"
	HeaderSignature = "X-PolyAI-Signature"
	HeaderEventID   = "X-PolyAI-Event-ID"
)

// Options configure a receiver.
type Options struct {
	// Inbox stores events.
	Inbox load.Inbox
	// Secrets returns the valid signing secrets: one, or two during a rotation. It
	// is called at most every 10 s, and at least once a minute while deliveries
	// arrive.
	Secrets func(ctx context.Context) ([]string, error)
	// Projects are the configured projects.
	Projects []Project
	// Rules changes the body of an event before it is stored. projectID is the stored
	// id of its project, "" if that is not configured. nil: there are no rules.
	Rules func(projectID string, body warehouse.JSON) warehouse.JSON
	// Taken is called for each stored event, by the goroutine that responds to it;
	// may be nil.
	Taken func(*warehouse.WebhookEvent)
	// Count is called with the result of each delivery, one of [Results]; may be nil.
	Count func(result string)

	MaxBytes int64 // of a body; 1 MiB unless set
	// Together these stay below the 5 s after which PolyAI gives up by default.
	BodyPatience time.Duration // timeout for the body; 2.5 s unless set
	Patience     time.Duration // timeout for storing an event; 2 s unless set
	MaxAtOnce    int           // events that are stored concurrently; 128 unless set
	MaxBodies    int           // bodies that are read concurrently; 128 unless set

	Log *slog.Logger // discarded unless set
	now func() time.Time
}

// Project is a configured project: its id and account in requests, and its stored
// id.
type Project struct{ ID, AccountID, StoredID string }

// The results of a delivery.
const (
	Stored    = "stored"
	Doubled   = "doubled"   // its id is already stored
	Replayed  = "replayed"  // its content was sent before, with another event id
	Forged    = "forged"    // its signature matches no secret, or is missing
	Old       = "old"       // its time is too far from the time of this machine
	Oversized = "oversized" // its body is too large
	Slow      = "slow"      // its body did not arrive in time
	Malformed = "malformed" // it is not an event
	Failed    = "failed"    // it could not be stored; the sender must retry
)

// Results lists all results of deliveries.
var Results = []string{Stored, Doubled, Replayed, Forged, Old, Oversized, Slow, Malformed, Failed}

// window is the maximum difference between the time of a delivery and the time of
// this machine.
const window = 5 * time.Minute

// maxIDBytes is the maximum size of an event id.
const maxIDBytes = 255

// Receiver receives deliveries. It is an [http.Handler].
type Receiver struct {
	o       Options
	secrets *secrets
	replays replays
	bodies  bodies
	permits chan struct{}
	refused refusals
}

// NewReceiver creates a receiver.
func NewReceiver(o Options) *Receiver {
	o.MaxBytes = cmp.Or(o.MaxBytes, 1<<20)
	o.BodyPatience = cmp.Or(o.BodyPatience, 2500*time.Millisecond)
	o.Patience = cmp.Or(o.Patience, 2*time.Second)
	o.MaxAtOnce = cmp.Or(o.MaxAtOnce, 128)
	o.MaxBodies = cmp.Or(o.MaxBodies, 128)
	if o.Rules == nil {
		o.Rules = func(_ string, body warehouse.JSON) warehouse.JSON { return body }
	}
	if o.Taken == nil {
		o.Taken = func(*warehouse.WebhookEvent) {}
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	return &Receiver{
		o:       o,
		secrets: &secrets{get: o.Secrets},
		replays: replays{recent: o.Inbox.Recent},
		bodies:  bodies{most: o.MaxBodies},
		permits: make(chan struct{}, o.MaxAtOnce),
		refused: refusals{log: o.Log},
	}
}

// refusal is the reason why a delivery is rejected: the result that is counted, and
// the response.
type refusal struct {
	result, reason string
	status         int
}

func (r *refusal) Error() string { return r.reason }

func refuse(status int, result, reason string) error { return &refusal{result, reason, status} }

// ServeHTTP receives one delivery.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	fresh, err := r.receive(w, req)
	var no *refusal
	switch {
	case err == nil && fresh:
		r.o.Count(Stored)
		_, _ = io.WriteString(w, "stored\n")
	case err == nil:
		r.o.Count(Doubled)
		_, _ = io.WriteString(w, "already stored\n")
	case errors.As(err, &no):
		r.o.Count(no.result)
		r.refused.note(no.result, peerOf(req), r.o.now())
		if no.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, no.reason, no.status)
	}
}

// receive checks a delivery in the order of the cost of the checks: headers, body,
// signature. Only a genuine event gets a permit, and with it a session of the
// destination.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) (fresh bool, err error) {
	sentAt, err := r.checkHead(req)
	if err != nil {
		return false, err
	}
	body, err := r.read(w, req)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), r.o.Patience)
	defer cancel()
	if err := r.checkSignature(ctx, req, body); err != nil {
		return false, err
	}
	p, err := parse(body)
	if err != nil {
		return false, refuse(http.StatusBadRequest, Malformed, err.Error())
	}
	select {
	case r.permits <- struct{}{}:
		defer func() { <-r.permits }()
	case <-ctx.Done():
		return false, refuse(http.StatusServiceUnavailable, Failed, "too many concurrent deliveries: send it again")
	}
	event, alert := r.describe(p, req.Header.Get(HeaderEventID), sentAt)
	admitted, err := r.replays.admit(ctx, event, p.body, r.o.now())
	switch {
	case err != nil:
		return false, r.notStored(event, err)
	case !admitted:
		return false, refuse(http.StatusConflict, Replayed, "this content was sent before, with another event ID")
	}
	return r.store(ctx, event, alert)
}

// checkHead checks the headers, before the body is read.
func (r *Receiver) checkHead(req *http.Request) (sentAt time.Time, err error) {
	id := req.Header.Get(HeaderEventID)
	seconds, numberErr := strconv.ParseInt(req.Header.Get(HeaderTimestamp), 10, 64)
	switch {
	case !isSignature(req.Header.Get(HeaderSignature)):
		return sentAt, refuse(http.StatusUnauthorized, Forged, "the header "+HeaderSignature+" is missing, or is not an HMAC-SHA-256 in hex")
	case numberErr != nil:
		return sentAt, refuse(http.StatusBadRequest, Malformed, "the header "+HeaderTimestamp+" is not a number of Unix seconds")
	case !isID(id):
		return sentAt, refuse(http.StatusBadRequest, Malformed, "the header "+HeaderEventID+" is missing, too long, or not plain text")
	case req.ContentLength > r.o.MaxBytes:
		return sentAt, r.oversized()
	}
	sentAt = time.Unix(seconds, 0)
	if off := r.o.now().Sub(sentAt); off > window || off < -window {
		return sentAt, refuse(http.StatusForbidden, Old, "the timestamp is more than 5 minutes from now: sign it again")
	}
	return sentAt, nil
}

func (r *Receiver) oversized() error {
	return refuse(http.StatusRequestEntityTooLarge, Oversized, "the body is larger than "+strconv.FormatInt(r.o.MaxBytes, 10)+" bytes")
}

// isID reports whether an event id is valid: printable, and not too long.
func isID(id string) bool {
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= maxIDBytes
}

// read reads the body within its deadline, which is cut short when too many
// bodies arrive at once.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(r.o.BodyPatience)) // not supported: the server's own limit remains
	end := r.bodies.begin(peerOf(req), func() { _ = connection.SetReadDeadline(time.Now()) })
	defer end()
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, r.o.MaxBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, r.oversized()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, Slow, "the body did not come in time")
	case err != nil:
		return nil, refuse(http.StatusBadRequest, Malformed, "the body was cut off")
	}
	return body, nil
}

func (r *Receiver) checkSignature(ctx context.Context, req *http.Request, body []byte) error {
	timestamp, signature := req.Header.Get(HeaderTimestamp), req.Header.Get(HeaderSignature)
	verdict, err := r.secrets.judge(ctx, func(all []string) bool { return signed(all, timestamp, body, signature) })
	switch {
	case err != nil:
		r.o.Log.Error("cannot read the signing secrets of webhooks; deliveries get 503, and PolyAI sends them again", "error", err.Error())
		return refuse(http.StatusServiceUnavailable, Failed, "the signature cannot be checked now: send it again")
	case verdict == forged:
		return refuse(http.StatusUnauthorized, Forged, "the signature matches no configured secret")
	case verdict == undecided:
		return refuse(http.StatusServiceUnavailable, Forged, "the signature matches no configured secret yet: send it again")
	}
	return nil
}

// store stores an event, and passes it to Taken if it is new.
func (r *Receiver) store(ctx context.Context, event *warehouse.WebhookEvent, alert *warehouse.ActiveAlert) (fresh bool, err error) {
	fresh, err = r.o.Inbox.TakeIn(ctx, event, alert)
	if err != nil {
		return false, r.notStored(event, err)
	}
	if fresh {
		r.o.Log.Info("stored a webhook event", "event_id", event.EventID, "type", string(event.EventType), "project", string(event.ProjectID), "state", event.State)
		r.o.Taken(event)
	}
	return fresh, nil
}

func (r *Receiver) notStored(event *warehouse.WebhookEvent, err error) error {
	r.o.Log.Error("cannot store a webhook event; PolyAI sends it again", "event_id", event.EventID, "error", err.Error())
	return refuse(http.StatusServiceUnavailable, Failed, "the event cannot be stored now: send it again")
}
