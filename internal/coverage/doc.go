// Package coverage says which local days of a project and environment were read, and
// which are complete, as is_complete of daily_kpis defines it. Reports and saved questions
// choose their period with it.
//
// It must not know how coverage is stored: callers read it.
package coverage
