// Package transcript shows one conversation to people: who said what when, how long
// the agent took to respond, silences, interruptions, intents, entities, the handoff
// and the metrics. It writes text for a terminal, HTML, JSON and Markdown.
//
// It guarantees that
//
//   - the parts of a conversation are those of one commit: they are read by one
//     statement;
//   - what limits the transcript is said first: it is still open, hidden, short, or no
//     longer listed by the source;
//   - text of the source stays text: HTML and Markdown are escaped, and control
//     characters never reach a terminal;
//   - the HTML is one file, which works without network and JavaScript.
//
// The package must not know a concrete destination: it reads through an
// [answer.Source].
package transcript
