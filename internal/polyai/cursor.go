package polyai

// cursor reads well-formed JSON from left to right, so that each byte is read once
// however deeply it is nested. It does not check what it reads.
type cursor struct {
	v  Value
	at int
}

// token is a value as it was read.
type token struct {
	Value
	plain bool // a string of ASCII without escapes
}

// enter goes into the object or the list that begins at the cursor.
func (c *cursor) enter() { c.at++ }

// member reads the name of the next member, up to its value. At the end of the object
// it leaves it and returns false.
func (c *cursor) member() (name token, more bool) {
	if c.next() != '"' {
		c.at++
		return token{}, false
	}
	name = c.string()
	c.next()
	return name, true
}

// element goes to the next element. At the end of the list it leaves it and returns
// false.
func (c *cursor) element() (more bool) {
	if b := c.next(); b == ']' || b == 0 {
		c.at++
		return false
	}
	return true
}

// next goes to the next byte that is neither white space nor a comma nor a colon, and
// returns it; 0 at the end.
func (c *cursor) next() byte {
	for ; c.at < len(c.v); c.at++ {
		switch b := c.v[c.at]; b {
		case ' ', '\t', '\n', '\r', ',', ':':
		default:
			return b
		}
	}
	return 0
}

// kind returns the kind of the value at the cursor.
func (c *cursor) kind() Kind { return c.v[min(c.at, len(c.v)):].Kind() }

// value reads the value at the cursor.
func (c *cursor) value() token {
	if c.at < len(c.v) && c.v[c.at] == '"' {
		return c.string()
	}
	from := min(c.at, len(c.v))
	c.at = skipValue(c.v, from)
	return token{Value: c.v[from:c.at:c.at]}
}

func (c *cursor) string() token {
	from := c.at
	end, plain := scanString(c.v, from)
	c.at = end
	return token{c.v[from:end:end], plain}
}
