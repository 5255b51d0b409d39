package pipeline

import (
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// at returns the conversation of a stored row: the one that the source lists with its
// start now, or else the first one with its id.
func (w *world) at(r *warehouse.Rows) *scriptedConversation {
	found := w.withID(r.Conversation.ConversationID)
	for _, c := range found {
		if c.as(w.source.clock).start == r.Conversation.StartedAt {
			return c
		}
	}
	return found[0]
}

// inPlace reports whether the source lists a stored conversation where it is.
func (w *world) inPlace(r *warehouse.Rows) bool {
	v := w.at(r).as(w.source.clock)
	return v.listed && v.start == r.Conversation.StartedAt && v.env == r.Conversation.Environment
}

// wins reports whether a conversation is the one of its id that has to be stored, and
// has been so since a time.
func (w *world) wins(c *scriptedConversation, since extract.Second) bool {
	now := w.source.clock
	start := c.as(now).start
	for _, other := range w.withID(c.id) {
		switch {
		case other == c:
		case other.as(now).listed && (other.as(now).start > start || !other.stays(since, now)):
			return false
		case !other.as(now).listed && other.wasListed(since, now):
			return false
		}
	}
	return true
}

// isStored reports whether a version of a conversation, or a later one, is stored in
// its environment.
func (w *world) isStored(c *scriptedConversation, v *version) bool {
	r := w.store.rows[c.id]
	return r != nil && contentOf(r.Conversation.Note) >= v.content && (r.Conversation.StartedAt == v.start || !w.hasTwin(c.id))
}

// isAstray reports whether a conversation is stored under another environment than
// the one that lists it. It moves when both were read.
func (w *world) isAstray(c *scriptedConversation) bool {
	r := w.store.rows[c.id]
	return r != nil && r.Conversation.Environment != c.as(w.source.clock).env
}

// atEdge reports whether a stored conversation lies within one second of the possible
// end of a window, where none is marked as missing.
func (w *world) atEdge(r *warehouse.Rows) bool {
	at := extract.SecondOf(r.Conversation.StartedAt.Time())
	now := w.standing().feeds[load.Feed{ProjectID: r.Conversation.ProjectID, Environment: r.Conversation.Environment}].now()
	return at <= w.start || at >= now-1 || at%aDay == 0 || at%aDay == aDay-1 || w.wasPoisonedNear(at) // where a range ends
}
