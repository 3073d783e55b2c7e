// The other end of a yamux session, by hashicorp/yamux: does what lines on its standard input say, and answers each with
// a line. Usage: peer listen | peer dial <host:port>
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

const acceptBacklog = 64

// Held while streams are not to be accepted.
var accepting sync.Mutex

func main() {
	config := yamux.DefaultConfig()
	config.AcceptBacklog = acceptBacklog
	config.EnableKeepAlive = false
	config.LogOutput = ioutil.Discard
	session := open(config)
	go acceptAll(session)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		say(do(session, strings.Fields(lines.Text())))
	}
}

func open(config *yamux.Config) *yamux.Session {
	if os.Args[1] == "dial" {
		conn, err := net.Dial("tcp", os.Args[2])
		check(err)
		session, err := yamux.Client(conn, config)
		check(err)
		return session
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	say(strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	conn, err := listener.Accept()
	check(err)
	session, err := yamux.Server(conn, config)
	check(err)
	return session
}

func do(session *yamux.Session, command []string) string {
	switch command[0] {
	case "bulk": // streams at once, bytes of each: sent, and their hash compared with what comes back
		return bulk(session, number(command[1]), number(command[2]))
	case "churn": // streams, at most so many at once: opened, echoed, closed
		return churn(session, number(command[1]), number(command[2]))
	case "hash": // a stream's bytes up to its end, hashed and answered
		stream, err := session.Open()
		check(err)
		stream.Write([]byte("hash"))
		stream.Write(pattern(1, 100000))
		stream.Close()
		return "closed"
	case "read": // a stream on which the peer is to do something: what it comes to
		stream, err := session.Open()
		if err != nil {
			return err.Error()
		}
		stream.Write([]byte(command[1]))
		got, err := ioutil.ReadAll(stream)
		stream.Close()
		return fmt.Sprintf("%d bytes, %v", len(got), err)
	case "stall":
		accepting.Lock()
		return "stalled"
	case "resume":
		accepting.Unlock()
		return "resumed"
	case "goaway":
		check(session.GoAway())
		return "gone"
	case "ping":
		_, err := session.Ping()
		return fmt.Sprint(err)
	case "left": // what is left behind, once it stays the same
		return left(session)
	}
	return "unknown command"
}

func acceptAll(session *yamux.Session) {
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return
		}
		accepting.Lock()
		accepting.Unlock()
		go serve(stream)
	}
}

// The first four bytes say what is wanted.
func serve(stream *yamux.Stream) {
	defer stream.Close()
	wanted := make([]byte, 4)
	if _, err := io.ReadFull(stream, wanted); err != nil {
		return
	}
	switch string(wanted) {
	case "echo":
		io.Copy(stream, stream)
	case "hash":
		hash := sha256.New()
		n, err := io.Copy(hash, stream)
		fmt.Fprintf(stream, "%d %x %v", n, hash.Sum(nil), err)
	case "read": // and close when the peer resets
		_, err := io.Copy(ioutil.Discard, stream)
		say(fmt.Sprintf("a stream ended with: %v", err))
	}
}

func bulk(session *yamux.Session, streams int, size int) string {
	results := make(chan string, streams)
	for i := 0; i < streams; i++ {
		sent := pattern(i, size)
		go func() {
			stream, err := session.Open()
			if err != nil {
				results <- err.Error()
				return
			}
			defer stream.Close()
			go func() {
				stream.Write([]byte("echo"))
				stream.Write(sent)
			}()
			got := make([]byte, size)
			if _, err := io.ReadFull(stream, got); err != nil {
				results <- err.Error()
			} else if !bytes.Equal(got, sent) {
				results <- "other bytes came back"
			} else {
				results <- "equal"
			}
		}()
	}
	all := []string{}
	for i := 0; i < streams; i++ {
		all = append(all, <-results)
	}
	return strings.Join(all, " ")
}

func churn(session *yamux.Session, streams int, atOnce int) string {
	var wait sync.WaitGroup
	room := make(chan bool, atOnce)
	failed := make(chan error, streams)
	for i := 0; i < streams; i++ {
		room <- true
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer func() { <-room }()
			stream, err := session.Open()
			if err != nil {
				failed <- err
				return
			}
			stream.Write([]byte("echohello"))
			if _, err := io.ReadFull(stream, make([]byte, 5)); err != nil {
				failed <- err
			}
			stream.Close()
		}()
	}
	wait.Wait()
	if len(failed) > 0 {
		return (<-failed).Error()
	}
	return "done"
}

func left(session *yamux.Session) string {
	streams, goroutines := -1, -1
	for same := 0; same < 5; same++ {
		time.Sleep(20 * time.Millisecond)
		if session.NumStreams() != streams || runtime.NumGoroutine() != goroutines {
			streams, goroutines, same = session.NumStreams(), runtime.NumGoroutine(), 0
		}
	}
	return fmt.Sprintf("%d streams, %d goroutines", streams, goroutines)
}

func pattern(seed int, size int) []byte {
	bytes := make([]byte, size)
	state := uint32(seed + 1)
	for i := range bytes {
		state = state*1664525 + 1013904223
		bytes[i] = byte(state >> 24)
	}
	return bytes
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	check(err)
	return value
}

var saying sync.Mutex

func say(line string) {
	saying.Lock()
	defer saying.Unlock()
	fmt.Println(line)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
