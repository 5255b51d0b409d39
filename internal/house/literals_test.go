package house

import (
	"fmt"
	"go/ast"
	"go/token"
)

// mostFieldsOnALine is the number of named fields that a literal may have
// without a line for each.
const mostFieldsOnALine = 4

// inspectLiterals refuses long literals with several fields on a line: a field
// that is missing or wrong is hard to see there, and a change of one shows the
// whole line.
func inspectLiterals(files *token.FileSet, file *ast.File) (broken []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || len(literal.Elts) <= mostFieldsOnALine || !namesFields(literal) {
			return true
		}
		before := literal.Lbrace
		for _, field := range literal.Elts {
			if line := files.Position(field.Pos()).Line; line == files.Position(before).Line {
				broken = append(broken, fmt.Sprintf("line %d: has a literal with %d fields: write one on each line", line, len(literal.Elts)))
				break
			}
			before = field.End()
		}
		return true
	})
	return broken
}

func namesFields(literal *ast.CompositeLit) bool {
	for _, element := range literal.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		if _, ok := field.Key.(*ast.Ident); !ok {
			return false
		}
	}
	return true
}
