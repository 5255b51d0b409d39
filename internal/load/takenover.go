package load

// TakenOverError is an [ErrLockLost]. It reports that another writer took over the
// destination while this one held its lock: the lock was removed, or the file
// system does not enforce it. This writer stores nothing of the failed commit.
type TakenOverError struct {
	Where string // the destination, as shown to users
	Why   string // how the loss was detected
	Owner Owner  // of the writer that took over, as far as it is known
}

func (e *TakenOverError) Unwrap() error { return ErrLockLost }

func (e *TakenOverError) Error() string {
	msg := e.Where + " was taken over by another run"
	if e.Owner.RunID != "" {
		msg += " (" + e.Owner.RunID + " on " + e.Owner.Host + ")"
	}
	return msg + ": " + e.Why + "; this run stopped before it could overwrite the other's data. " +
		"What it committed before remains stored, and the next run reads the rest"
}
