// Package store keeps things.
package store

// Open gives the store at a path,
// or an error if there is none; see [Store.Close].
//
//go:noinline
func Open(path string) (*Store, error) {
	file, err := os.Open(path)
	return &Store{file}, err
}

// Not about the function below.

func (s *Store) Flush() error {
	s.dirty = false
	return s.file.Sync()
}

type Store struct { // what is kept
	file *os.File
}

/*
Close writes everything and closes the file.
*/
func (s *Store[K]) Close() error {
	s.open = false
	return func() error {
		// inner is part of it
		return s.file.Close()
	}()
}

// assembly has no body here.
func assembly(a int) int
