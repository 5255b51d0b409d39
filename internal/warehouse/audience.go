package warehouse

// Audience is the group of people that a table or view is for. Comments begin with it, so
// that a list of tables in Postgres (`\dt+`, `\dv+`) shows it.
type Audience string

// The audiences.
const (
	ForAnalysts  Audience = "analysts"  // conversations and what was read of them
	ForOperators Audience = "operators" // what runs did, and what they could not store
	ForConvsync  Audience = "convsync"  // state of the program; of use to no query
)

// Comment is the beginning of a comment.
func (a Audience) Comment() string { return "For " + string(a) + ". " }
