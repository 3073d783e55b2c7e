// A peer made with kcp-go, for tests: an echo server, or a client that checks its echo.
//
//	kcp-go-peer server <address> <stream|message>
//	kcp-go-peer client <address> <stream|message|pieces> <bytes> [sessions]
//
// "pieces": message mode, towards a peer that keeps no bounds of messages.
// The server prints "LISTENING <port>"; the client prints "ECHOED <milliseconds>" of the last of its sessions, which it has one
// after the other, and ends. Both end with their stdin.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/xtaci/kcp-go"
)

// One segment holds it: kcp-go's Write cuts what is larger into messages of 1376 bytes.
const chunkBytes = 1300

func main() {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	role, address, mode := os.Args[1], os.Args[2], os.Args[3]
	if role == "server" {
		serve(address, mode)
		return
	}
	total, err := strconv.Atoi(os.Args[4])
	check(err)
	sessions := 1
	if len(os.Args) > 5 {
		sessions, err = strconv.Atoi(os.Args[5])
		check(err)
	}
	took := 0.0
	for ; sessions > 0; sessions-- {
		took = dial(address, mode, total)
	}
	fmt.Println("ECHOED", took)
}

func setUp(session *kcp.UDPSession, mode string) {
	session.SetNoDelay(1, 10, 2, 1)
	session.SetWindowSize(512, 512)
	session.SetStreamMode(mode == "stream")
}

func serve(address, mode string) {
	listener, err := kcp.ListenWithOptions(address, nil, 0, 0)
	check(err)
	listener.SetReadBuffer(4 << 20)
	fmt.Println("LISTENING", listener.Addr().(*net.UDPAddr).Port)
	for {
		session, err := listener.AcceptKCP()
		check(err)
		setUp(session, mode)
		go echo(session)
	}
}

func echo(session *kcp.UDPSession) {
	buffer := make([]byte, 64*1024)
	for {
		n, err := session.Read(buffer)
		if err != nil {
			return
		}
		if _, err = session.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// Gives the milliseconds that the echo took.
func dial(address, mode string, total int) float64 {
	session, err := kcp.DialWithOptions(address, nil, 0, 0)
	check(err)
	setUp(session, mode)
	session.SetReadBuffer(4 << 20)
	sent := make([]byte, total)
	for i := range sent {
		sent[i] = byte(i * 31 >> 3)
	}
	startedAt := time.Now()
	go func() {
		for offset := 0; offset < total; offset += chunkBytes {
			end := offset + chunkBytes
			if end > total {
				end = total
			}
			_, err := session.Write(sent[offset:end])
			check(err)
		}
	}()
	got := make([]byte, 0, total)
	buffer := make([]byte, 64*1024)
	for len(got) < total {
		session.SetReadDeadline(time.Now().Add(60 * time.Second))
		n, err := session.Read(buffer)
		check(err)
		if mode == "message" && n != chunkBytes && len(got)+n != total {
			fail("a message of", n, "bytes")
		}
		got = append(got, buffer[:n]...)
	}
	if !bytes.Equal(got, sent) {
		fail("the echo is not what was sent")
	}
	took := time.Since(startedAt).Seconds() * 1000
	session.Close()
	return took
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(what ...interface{}) {
	fmt.Fprintln(os.Stderr, what...)
	os.Exit(1)
}
