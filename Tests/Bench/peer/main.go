// The peer that `make bench` measures Holdfast against: the task routes in the ordinary Go way, which is
// net/http, chi, database/sql and mattn/go-sqlite3, on the same schema and the same SQLite settings.
//
// Build with Debian's packages, no network:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o peer main.go
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi"
	sqlite3 "github.com/mattn/go-sqlite3"
)

const schema = `
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'todo' CHECK (status IN ('todo', 'doing', 'done')),
    created TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;
CREATE INDEX IF NOT EXISTS tasks_status ON tasks (status, id);`

type listedTask struct {
	ID      int64  `json:"id"`
	Title   string `json:"title"`
	Status  string `json:"status"`
	Created string `json:"created"`
}

type task struct {
	listedTask
	Modified string `json:"modified"`
}

type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// store keeps tasks, with its statements prepared once.
type store struct {
	one, list, insert *sql.Stmt
}

func openStore(path, synchronous string, tuned bool) (*store, error) {
	source := "file:" + path + "?_journal_mode=WAL&_foreign_keys=on&_busy_timeout=5000&_synchronous=" + synchronous
	reads, err := sql.Open("sqlite3", source)
	if err != nil {
		return nil, err
	}
	if _, err := reads.Exec(schema); err != nil {
		return nil, err
	}
	writes := reads
	if tuned {
		// database/sql keeps two idle connections and opens and closes the rest; SQLite takes one writer.
		reads.SetMaxOpenConns(4)
		reads.SetMaxIdleConns(4)
		if writes, err = sql.Open("sqlite3", source+"&_txlock=immediate"); err != nil {
			return nil, err
		}
		writes.SetMaxOpenConns(1)
	}
	s := &store{}
	if s.one, err = reads.Prepare("SELECT id, title, status, created, modified FROM tasks WHERE id = ?"); err != nil {
		return nil, err
	}
	if s.list, err = reads.Prepare("SELECT id, title, status, created FROM tasks ORDER BY id LIMIT 100"); err != nil {
		return nil, err
	}
	if s.insert, err = writes.Prepare("INSERT INTO tasks (title) VALUES (?)"); err != nil {
		return nil, err
	}
	return s, nil
}

func answer(w http.ResponseWriter, status int, kind string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		log.Printf("encode: %v", err)
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		log.Printf("write: %v", err)
	}
}

func refuse(w http.ResponseWriter, status int, detail string) {
	answer(w, status, "application/problem+json", problem{"about:blank", http.StatusText(status), status, detail})
}

func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	refuse(w, http.StatusInternalServerError, "Something went wrong.")
}

func (s *store) getTask(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil || id < 1 {
		refuse(w, http.StatusNotFound, "No such task.")
		return
	}
	var t task
	err = s.one.QueryRowContext(r.Context(), id).Scan(&t.ID, &t.Title, &t.Status, &t.Created, &t.Modified)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		refuse(w, http.StatusNotFound, "No such task.")
	case err != nil:
		fail(w, err)
	default:
		answer(w, http.StatusOK, "application/json", t)
	}
}

func (s *store) listTasks(w http.ResponseWriter, r *http.Request) {
	rows, err := s.list.QueryContext(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	defer rows.Close()
	tasks := []listedTask{}
	for rows.Next() {
		var t listedTask
		if err := rows.Scan(&t.ID, &t.Title, &t.Status, &t.Created); err != nil {
			fail(w, err)
			return
		}
		tasks = append(tasks, t)
	}
	if err := rows.Err(); err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, "application/json", tasks)
}

func (s *store) addTask(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Title string `json:"title"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, "The body is not JSON.")
		return
	}
	title := strings.TrimSpace(body.Title)
	if title == "" || utf8.RuneCountInString(title) > 500 {
		refuse(w, http.StatusUnprocessableEntity, "title must have 1 to 500 characters.")
		return
	}
	result, err := s.insert.ExecContext(r.Context(), title)
	if err != nil {
		fail(w, err)
		return
	}
	id, err := result.LastInsertId()
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Location", fmt.Sprintf("/tasks/%d", id))
	answer(w, http.StatusCreated, "application/json", map[string]int64{"id": id})
}

func main() {
	port := flag.Int("port", 8080, "port on 127.0.0.1; 0 for a free one")
	path := flag.String("db", "todo.db", "database file")
	synchronous := flag.String("synchronous", "FULL", "SQLite's synchronous level")
	tuned := flag.Bool("tuned", false, "a pool of 4 for reads and one connection for writes")
	version := flag.Bool("version", false, "print the versions of Go and SQLite")
	flag.Parse()
	if *version {
		sqlite, _, _ := sqlite3.Version()
		fmt.Printf("%s, SQLite %s\n", runtime.Version(), sqlite)
		return
	}

	s, err := openStore(*path, *synchronous, *tuned)
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Get("/health", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, "application/json", map[string]string{"status": "ok"})
	})
	router.Get("/tasks", s.listTasks)
	router.Post("/tasks", s.addTask)
	router.Get("/tasks/{id}", s.getTask)

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"message\":\"listening\",\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)

	server := &http.Server{Handler: router, ReadHeaderTimeout: 10 * time.Second}
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	stopped := make(chan error)
	go func() {
		<-stop.Done()
		deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(deadline)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	if err := <-stopped; err != nil {
		log.Fatal(err)
	}
}
