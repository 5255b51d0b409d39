package spelling

// longest is the number of characters beyond which words are not compared: the cost
// grows with the square.
const longest = 128

// Distance returns the number of characters to insert, delete, replace or swap with
// the next one to make b of a (optimal string alignment). If either is longer than 128
// characters, it is the length of the longer one, which no caller takes for similar.
func Distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	if len(from) > longest || len(to) > longest {
		return max(len(from), len(to))
	}
	rows := make([][]int, len(from)+1)
	for i := range rows {
		rows[i] = make([]int, len(to)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(from); i++ {
		for j := 1; j <= len(to); j++ {
			cost := 1
			if from[i-1] == to[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(from)][len(to)]
}
