package postgres

import "convsync/internal/warehouse"

// conversationKey is a row of conversation_keys. It shows whether a
// conversation is stored, with which start, and whether it is unchanged,
// without reading its rows.
type conversationKey struct {
	ProjectID, ConversationID, Environment string
	StartedAt                              warehouse.Timestamp
	Lifecycle, ContentHash                 string
	MissingSince                           warehouse.Null[warehouse.Timestamp]
	FirstSeenAt                            warehouse.Timestamp
	Digest                                 warehouse.Digest
}

var conversationKeys = warehouse.Table[conversationKey]{
	Name: "conversation_keys",
	Doc:  "The stored conversations, by id: convsync compares them without reading the partitions. In Postgres only.",
	For:  warehouse.ForAnalysts,
	Key:  []string{"project_id", "conversation_id"},
	Columns: []warehouse.Column[conversationKey]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *conversationKey) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *conversationKey) any { return &r.ConversationID }},
		{Name: "environment", Doc: "The environment that it is stored under.", Ref: func(r *conversationKey) any { return &r.Environment }},
		{Name: "started_at", Doc: "Its start, which is also that of its rows in the partitions.", Ref: func(r *conversationKey) any { return &r.StartedAt }},
		{Name: "lifecycle", Doc: "As in conversations.", Ref: func(r *conversationKey) any { return &r.Lifecycle }},
		{Name: "content_hash", Doc: "As in conversations.", Ref: func(r *conversationKey) any { return &r.ContentHash }},
		{Name: "missing_since", Doc: "As in conversations.", Ref: func(r *conversationKey) any { return &r.MissingSince }},
		{Name: "first_seen_at", Doc: "As in conversations.", Ref: func(r *conversationKey) any { return &r.FirstSeenAt }},
		{Name: "source_digest", Doc: "Digest of what the source returned, by which an unchanged conversation is recognized without decoding it. NULL: it is compared by its content.", Ref: func(r *conversationKey) any { return &r.Digest }},
	},
}

// keyOf returns the key of a conversation as it is stored, without a digest.
func keyOf(c *warehouse.Conversation) conversationKey {
	return conversationKey{
		ProjectID:      c.ProjectID,
		ConversationID: c.ConversationID,
		Environment:    c.Environment,
		StartedAt:      c.StartedAt,
		Lifecycle:      c.Lifecycle,
		ContentHash:    c.ContentHash,
		MissingSince:   c.MissingSince,
		FirstSeenAt:    c.FirstSeenAt,
	}
}
