package load

// Counts is the result for the conversations of a window. Each staged
// conversation is Inserted, Updated or Unchanged. Of one that was staged several
// times, all but one may count as Unchanged.
type Counts struct {
	Inserted, Updated, Unchanged int64
	// Elsewhere counts those that were stored under another environment and did
	// not move from there, whichever environment keeps the id. Publish counts them
	// as drift: see ElsewhereDrift.
	Elsewhere int64
	// OtherStarts are those with a start other than the stored one.
	OtherStarts []OtherStart
	NewRejects  int64 // not stored before
	Missing     int64 // newly marked as missing, or deleted
	// The conversations whose hidden transcript or metrics are visible again: see
	// [VisibilityChanges]. A loader marks the feed as such in the commit of these rows.
	VisibleAgain VisibleAgain
	Rows         map[string]int64 // written, by table
	// Lateness is counted by [Decision.Count]. A loader adds it to sync_lateness in
	// the commit of the rows that it was counted for.
	Lateness map[LatenessKey]int64
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Inserted += other.Inserted
	c.Updated += other.Updated
	c.Unchanged += other.Unchanged
	c.Elsewhere += other.Elsewhere
	c.NewRejects += other.NewRejects
	c.Missing += other.Missing
	c.OtherStarts = append(c.OtherStarts, other.OtherStarts...)
	c.VisibleAgain.Transcripts += other.VisibleAgain.Transcripts
	c.VisibleAgain.Metrics += other.VisibleAgain.Metrics
	for table, n := range other.Rows {
		if c.Rows == nil {
			c.Rows = map[string]int64{}
		}
		c.Rows[table] += n
	}
	for key, n := range other.Lateness {
		if c.Lateness == nil {
			c.Lateness = map[LatenessKey]int64{}
		}
		c.Lateness[key] += n
	}
}
