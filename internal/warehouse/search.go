package warehouse

import "strings"

// Separators are the characters between words, as a class of a regular expression that
// both engines read alike: everything in ASCII but letters and digits, and ranges of
// punctuation and symbols. Classes such as [:alnum:] depend on the locale of a database.
const Separators = "[\\x01-/:-@\\[-`{-\\x7f\u0080-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7" +
	"\u2000-\u206f\u20a0-\u20bf\u2190-\u2bff\u2e00-\u2e7f\u3000-\u303f\ufe00-\ufe0f\uff01-\uff0f\U0001f000-\U0001faff]+"

// TurnText is SQL for what was said in a turn by the user and the agent, and its
// translations, in lower case and in the composed form of Unicode (NFC): a source may write
// ü as one character, or as u with a diaeresis. x is the alias of the table with a dot,
// or "". The text is limited, because the index of Postgres is built from it.
func TurnText(d Dialect, x string) string {
	var texts []string
	for _, column := range []string{"user_input", "agent_response", "translated_user_input", "english_agent_response"} {
		texts = append(texts, "coalesce("+x+column+", '')")
	}
	text := "left(" + strings.Join(texts, " || ' ' || ") + ", 100000)"
	if d == DuckDB {
		return "lower(nfc_normalize(" + text + "))"
	}
	// Postgres has no short cut for ASCII, which most turns are.
	return "lower(CASE WHEN octet_length(" + text + ") = length(" + text + ") THEN " + text + " ELSE normalize(" + text + ") END)"
}

// PlainWords is SQL for the words of a text with one space between them.
// The characters of a word after the 60th are not significant: an index entry of
// Postgres is limited.
func PlainWords(text string) string {
	return "trim(regexp_replace(regexp_replace(" + text + ", '" + Separators + "', ' ', 'g'), '([^ ]{60})[^ ]+', '\\1', 'g'))"
}

// WordList is SQL for the list of the words of [PlainWords].
func WordList(plain string) string { return "string_to_array(" + plain + ", ' ')" }

// SearchIndex is the name of the index for search in Postgres. Users create it with
// `convsync migrate --with-search`.
const SearchIndex = "turns_search"

// SearchIndexKey is the expression that is indexed.
func SearchIndexKey() string { return WordList(PlainWords(TurnText(Postgres, ""))) }
