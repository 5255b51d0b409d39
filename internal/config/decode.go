package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills the document from the parsed file, strictly: a key that the
// document does not have and a value of another type are problems.
type decoder struct {
	withoutKeys bool // as in Options
	*report
	lookup func(string) (string, bool)
}

// decode reads node into v. path is that of the key, for messages.
func (d *decoder) decode(node ast.Node, v reflect.Value, path string) {
	if short, ok := v.Addr().Interface().(interface{ short() any }); ok && !isMapping(node) {
		d.decode(node, reflect.ValueOf(short.short()).Elem(), path) // one value instead of keys
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		expected := "text"
		if other, ok := u.(interface{ expected() string }); ok {
			expected = other.expected()
		}
		if s, ok := d.scalar(node, path, expected); ok {
			if err := u.UnmarshalText([]byte(s.text)); err != nil {
				d.add(path, "%s is not valid; %v", s.shown, err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(node, v.Elem(), path)
	case reflect.Struct:
		d.decodeStruct(node, v, path)
	case reflect.Map:
		d.decodeMap(node, v, path)
	case reflect.Slice:
		d.decodeSlice(node, v, path)
	default:
		d.decodeScalar(node, v, path)
	}
}

func (d *decoder) decodeStruct(node ast.Node, v reflect.Value, path string) {
	fields := map[string]reflect.Value{}
	names := collectFields(v, fields)
	d.eachKey(node, path, func(name, keyPath string, value ast.Node) {
		field, known := fields[name]
		if !known {
			what := "the file"
			if path != "" {
				what = path
			}
			shown := join(path, showKey(name))
			d.places[shown] = d.places[keyPath]
			d.add(shown, "is not a key of %s; %s", what, oneOf(name, names))
			return
		}
		d.decode(value, field, keyPath)
	})
}

// collectFields lists the keys of a struct in their order, with those of
// embedded structs.
func collectFields(v reflect.Value, into map[string]reflect.Value) []string {
	var names []string
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			names = append(names, collectFields(v.Field(i), into)...)
			continue
		}
		name := field.Tag.Get("key")
		names = append(names, name)
		into[name] = v.Field(i)
	}
	return names
}

func (d *decoder) decodeMap(node ast.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.eachKey(node, path, func(name, keyPath string, value ast.Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, element, keyPath)
		v.SetMapIndex(reflect.ValueOf(name), element)
	})
}

// eachKey walks a mapping and records the positions of its keys.
func (d *decoder) eachKey(node ast.Node, path string, visit func(name, path string, value ast.Node)) {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		d.add(path, "%s; expected keys and values below it", kindOf(node))
		return
	}
	for _, pair := range pairs {
		key, ok := pair.Key.(*ast.StringNode)
		at := placeOf(pair.Key)
		if !ok {
			name := pair.Key.GetToken().Value
			d.places[join(path, showKey(name))] = at
			d.add(join(path, showKey(name)), "is not a key; expected a plain name (anchors, aliases and merge keys are not supported)")
			continue
		}
		keyPath := join(path, key.Value)
		d.places[keyPath] = at
		visit(key.Value, keyPath, pair.Value)
	}
}

func (d *decoder) decodeSlice(node ast.Node, v reflect.Value, path string) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		d.add(path, "%s; expected a list: [a, b], or a line that begins with - for each", kindOf(node))
		return
	}
	if len(list.Values) == 0 {
		d.add(path, "is an empty list; expected at least one element, or the key left out")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
	for i, element := range list.Values {
		elementPath := fmt.Sprintf("%s[%d]", path, i)
		if element != nil {
			d.places[elementPath] = placeOf(element)
		}
		d.decode(element, v.Index(i), elementPath)
	}
}

func (d *decoder) decodeScalar(node ast.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := d.scalar(node, path, "text"); ok {
			v.SetString(s.text)
		}
	case reflect.Int:
		if s, ok := d.scalar(node, path, "a whole number"); ok {
			n, err := strconv.Atoi(s.text)
			if err != nil || s.quoted {
				d.add(path, "%s is not a whole number; expected digits only, without quotes", s.shown)
			}
			v.SetInt(int64(n))
		}
	case reflect.Float64:
		if s, ok := d.scalar(node, path, "a number"); ok {
			n, err := strconv.ParseFloat(s.text, 64)
			if err != nil || s.quoted {
				d.add(path, "%s is not a number; expected digits, without quotes", s.shown)
			}
			v.SetFloat(n)
		}
	case reflect.Bool:
		if s, ok := d.scalar(node, path, "true or false"); ok {
			if (s.text != "true" && s.text != "false") || s.quoted {
				d.add(path, "%s is not a boolean; expected true or false, without quotes", s.shown)
			}
			v.SetBool(s.text == "true")
		}
	default:
		panic("config: no rule for a key of type " + v.Type().String())
	}
}

// scalar is one value, expanded.
type scalar struct {
	text   string
	shown  string // for messages: as written, never the value of a variable
	quoted bool   // written in quotes, and without a variable
}

// scalar reads a node that must hold a single value. If text is expected, a
// value that YAML parses as a number or a boolean is an error: 0123 and 1e3 do
// not mean what they look like.
func (d *decoder) scalar(node ast.Node, path, expected string) (scalar, bool) {
	var raw string
	var quoted bool
	switch n := node.(type) {
	case *ast.StringNode:
		raw, quoted = n.Value, n.Token.Type.String() != "String"
	case *ast.LiteralNode:
		raw, quoted = strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		raw = n.GetToken().Value
		if expected == "text" {
			d.add(path, "%s; expected text: put it in quotes", kindOf(node))
			return scalar{}, false
		}
	default:
		d.add(path, "%s; expected %s", kindOf(node), expected)
		return scalar{}, false
	}
	lookup := d.lookup
	if d.withoutKeys && isKey(path) {
		lookup = orNoKey(lookup)
	}
	text, err := expand(raw, lookup)
	if err != nil {
		d.add(path, "%v", err)
		return scalar{}, false
	}
	if strings.TrimSpace(text) == "" {
		d.add(path, "is empty; expected %s, or the key left out", expected)
		return scalar{}, false
	}
	if strings.Contains(raw, "${") {
		d.raw[path] = raw
		quoted = false
	}
	return scalar{text: text, shown: d.show(path, raw), quoted: quoted}, true
}

func isMapping(node ast.Node) bool {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// kindOf names the kind of a node that is not of the expected kind.
func kindOf(node ast.Node) string {
	switch node.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return "has no value"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "is a mapping of keys"
	case *ast.SequenceNode:
		return "is a list"
	case *ast.BoolNode:
		return "is true or false"
	case *ast.IntegerNode, *ast.FloatNode:
		return "is a number"
	case *ast.StringNode, *ast.LiteralNode:
		return "is text"
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode:
		return "is an anchor, alias or tag, which are not supported"
	default:
		return "is not a plain value"
	}
}

// placeOf returns the position of a node; the token of a block mapping is its
// first colon.
func placeOf(node ast.Node) place {
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		node = m.Values[0].Key
	}
	at := node.GetToken().Position
	return place{at.Line, at.Column}
}

// join extends the path of a key. Unknown names are shortened, because they may
// be values by mistake.
func join(path, name string) string {
	const longest = 40
	if runes := []rune(name); len(runes) > longest {
		name = string(runes[:longest]) + "…"
	}
	if strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }) || slices.Contains([]string{"", "."}, name) {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
