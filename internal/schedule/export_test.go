package schedule

import "time"

// SetClock makes a scheduler that has not started see another time of day.
func SetClock(s *Scheduler, wall func() time.Time) { s.wall = wall }
