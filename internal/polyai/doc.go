// Package polyai is PolyAI's Conversations API as it is: regions and hosts,
// both forms of identifiers, the client, the wire types, the errors.
//
// It promises that a page is read as a stream, conversation by conversation,
// so that memory is bounded by one of them; that every form in which a field
// is known to come is read; that what is not known is kept and counted as
// drift; that one unreadable conversation does no harm to its page; and that
// a key reaches no other host, no log and no error.
//
// It knows nothing of tables, and nothing of when to ask again: an error says
// whether that may help ([IsTemporary]).
package polyai
