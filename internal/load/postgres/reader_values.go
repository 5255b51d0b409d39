package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

// textDecoder makes a value of its text.
type textDecoder func(text string) any

// decoderOf returns the type of a column and its textDecoder. Values that Go's type
// cannot hold, such as infinity, stay text.
func (r *Reader) decoderOf(oid uint32) (answer.Type, textDecoder) {
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		return answer.Integer, decodeInteger
	case pgtype.Float4OID, pgtype.Float8OID:
		return answer.Float, decodeFloat
	case pgtype.NumericOID:
		return answer.Decimal, func(text string) any { return answer.TrimDecimal(text) }
	case pgtype.BoolOID:
		return answer.Bool, func(text string) any { return text == "t" }
	case pgtype.TimestamptzOID:
		return answer.Time, timeDecoder("2006-01-02 15:04:05.999999-07")
	case pgtype.TimestampOID:
		return answer.LocalTime, timeDecoder("2006-01-02 15:04:05.999999")
	case pgtype.DateOID:
		return answer.Date, timeDecoder(time.DateOnly)
	case pgtype.IntervalOID:
		return answer.Duration, func(text string) any { return intervalUnits.Replace(text) }
	case pgtype.JSONOID, pgtype.JSONBOID:
		return answer.JSON, decodeJSON
	case pgtype.ByteaOID:
		return answer.Text, func(text string) any { return text }
	}
	if known, ok := r.conn.TypeMap().TypeForOID(oid); ok {
		if array, ok := known.Codec.(*pgtype.ArrayCodec); ok {
			return answer.List, r.listDecoder(oid, array.ElementType.OID)
		}
	}
	return answer.Text, func(text string) any { return text }
}

var intervalUnits = strings.NewReplacer(" mons", " months", " mon", " month")

func decodeInteger(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return text
}

func decodeFloat(text string) any {
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return x
	}
	return text
}

// decodeJSON returns the canonical form, which a lake stores.
func decodeJSON(text string) any {
	canonical, _ := warehouse.Canonical(text)
	return string(canonical)
}

func timeDecoder(layout string) textDecoder {
	return func(text string) any {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
		return text
	}
}

// listDecoder returns the textDecoder of an array, which makes it JSON.
func (r *Reader) listDecoder(oid, elementOID uint32) textDecoder {
	typ, element := r.decoderOf(elementOID)
	types := r.conn.TypeMap()
	return func(text string) any {
		var items []*string
		if err := types.Scan(oid, pgtype.TextFormatCode, []byte(text), &items); err != nil {
			return answer.JSONText(text)
		}
		values := make([]any, len(items))
		for i, item := range items {
			if item != nil {
				values[i] = answer.ListItem(typ, element(*item))
			}
		}
		return answer.JSONText(values)
	}
}

// statementError turns an error of the server into one about the statement.
func (r *Reader) statementError(ctx context.Context, err error, n *answer.Numbered, s answer.Statement) error {
	var server *pgconn.PgError
	if err == nil || !errors.As(err, &server) {
		return r.describe(err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := &answer.SQLError{SQL: s.SQL, Message: server.Message, Hint: server.Hint}
	if server.Detail != "" {
		e.Message += ": " + server.Detail
	}
	switch server.Code {
	case codeCanceled:
		e.Hint = fmt.Sprintf("a statement may take %s: use a longer --timeout, or a filter on started_at", r.Timeout)
	case codeReadOnly:
		e.Hint = "statements of `convsync query` can only read"
	case codeNoPrivilege:
		e.Hint = "let the role read it: GRANT SELECT ON … TO …"
	case codeSyntax:
		if strings.Contains(server.Message, "multiple commands") {
			return answer.Refuse(s.SQL)
		}
	}
	if server.Position == 0 {
		return e
	}
	at := n.Origin(int(server.Position))
	e.Line, e.Column = answer.Position(s.SQL, at)
	if server.Code == codeNoTable || server.Code == codeNoColumn {
		e.Hint = "" // that of the server is similar to ours
		if objects, failed := r.Objects(ctx); failed == nil {
			e.Suggest(answer.NameAt(s.SQL, at), server.Code == codeNoColumn, objects)
		}
	}
	return e
}

// Objects implements [answer.Source]. The meanings are the comments.
func (r *Reader) Objects(ctx context.Context) (objects []answer.Object, err error) {
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	rows, err := r.conn.Query(ctx, `SELECT c.relname, c.relkind IN ('v', 'm'), coalesce(obj_description(c.oid, 'pg_class'), ''),
			a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(c.oid, a.attnum), '')
		FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY c.relname, a.attnum`, pgx.QueryExecModeExec, r.Schema)
	if err != nil {
		return nil, r.describe(err)
	}
	defer rows.Close()
	for rows.Next() {
		var o answer.Object
		var c answer.ObjectColumn
		if err := rows.Scan(&o.Name, &o.View, &o.Doc, &c.Name, &c.Type, &c.Doc); err != nil {
			return nil, err
		}
		if n := len(objects); n == 0 || objects[n-1].Name != o.Name {
			objects = append(objects, o)
		}
		last := &objects[len(objects)-1]
		last.Columns = append(last.Columns, c)
	}
	return objects, r.describe(rows.Err())
}
