// SPDX-License-Identifier: Apache-2.0
// Names inside, against real name servers (dnsmasq) outside: both transports, large answers, servers that are
// dead, unwilling or replaced, and what an allow-list keeps from them.
#include "network.hpp"

using namespace sandbox::test;

namespace {

/// Shell functions for in_world(). What a server is asked stands in $scratch/asked-ADDRESS.
const char* const name_servers = R"(
PATH=$PATH:/usr/sbin:/sbin
# ADDRESS [OPTION...]: a name server for test., which also answers by the options
name_server() {
    address=$1; shift
    dnsmasq -d --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --bind-interfaces --log-queries \
        --edns-packet-max=16384 --listen-address="$address" --local=/test/ "$@" \
        >"$scratch/asked-$address" 2>&1 &
    servers="$servers $!"
    until grep -q started "$scratch/asked-$address"; do sleep 0.02; done
}
# ADDRESS: takes questions and says nothing
silent_server() {
    python3 -c '
import socket, sys, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
open(sys.argv[2], "w").close()
time.sleep(120)' "$1" "$scratch/silent" & servers="$servers $!"
    until [ -e "$scratch/silent" ]; do sleep 0.02; done
}
# The names that a server was asked for
asked() { sed -n 's/.* query\[[^]]*\] \([^ ]*\) from .*/\1/p' "$scratch/asked-$1" | sort -u; }
# OPTIONS -- SCRIPT: in a sandbox with this machine's root, so that its programs are there
inside() {
    options=
    while [ "$1" != -- ]; do options="$options $1"; shift; done
    "$sandbox" run --userns single --quiet $options host sh -c "$2"
}
# SECONDS COMMAND: what it prints, and whether it took longer
within() {
    begin=$(date +%s%N); limit=$1; shift; "$@"
    [ $(($(date +%s%N) - begin)) -lt $((limit * 1000000000)) ] && echo "in time" || echo "late"
}
one="--host-record=one.test,192.0.2.1,2001:db8::7"
many=$(for i in $(seq 1 120); do echo --host-record=big.test,192.0.2.$i; done)
)";

class Dns : public NetworkTest {
  protected:
    void SetUp() override {
        NetworkTest::SetUp();
        for (const char* program : {"dnsmasq", "dig", "python3"}) {
            if (!IsSkipped() && !has_program(program) &&
                !std::filesystem::exists(std::string{"/usr/sbin/"} + program)) {
                GTEST_SKIP() << "the program " << program << " is not installed";
            }
        }
    }
    Result in_world_with_servers(const std::string& script) { return in_world(name_servers + script); }
};

} // namespace

TEST_F(Dns, NamesAreResolvedOverUdpAndTcp) {
    const Result result = in_world_with_servers(R"(
        name_server 198.51.100.53 $one --cname=alias.test,one.test --txt-record=one.test,hello
        inside --dns 198.51.100.53 -- '
            cat /etc/resolv.conf
            getent ahosts alias.test | cut -d" " -f1 | sort -u
            dig +short one.test; dig +tcp +short one.test; dig +short one.test txt
            dig +short @fd00::3 one.test; dig +tcp +keepopen +short one.test alias.test | sort -u
            getent hosts no-such-name.test; echo "status $?"'
    )");
    EXPECT_EQ(result.out,
              "nameserver 10.0.2.3\n192.0.2.1\n2001:db8::7\n192.0.2.1\n192.0.2.1\n\"hello\"\n"
              "192.0.2.1\n192.0.2.1\none.test.\nstatus 2\n")
        << result.err;
}

TEST_F(Dns, ALargeAnswerComesByEdnsOrTcp) {
    const Result result = in_world_with_servers(R"(
        name_server 198.51.100.53 $many
        inside --dns 198.51.100.53 -- '
            dig +notcp +ignore +bufsize=4096 +short big.test | wc -l
            dig +notcp +ignore +noedns big.test | grep -o "flags: [a-z ]*tc" | grep -c tc
            dig +noedns +short big.test | wc -l
            getent ahosts big.test | grep -c STREAM'
    )");
    EXPECT_EQ(result.out, "120\n1\n120\n120\n") << result.err;
}

TEST_F(Dns, TheNextServerAnswersForADeadOne) {
    const Result result = in_world_with_servers(R"(
        name_server 198.51.100.53 $one
        within 2 inside --dns 203.0.113.1 --dns 198.51.100.53 -- 'dig +tries=1 +short one.test; dig +tcp +short one.test'
    )");
    EXPECT_EQ(result.out, "192.0.2.1\n192.0.2.1\nin time\n") << result.err;
}

TEST_F(Dns, ASilentServerCostsItsTimeOnce) {
    const Result result = in_world_with_servers(R"(
        silent_server 198.51.100.2
        name_server 198.51.100.53 $one
        within 4 inside --dns 198.51.100.2 --dns 198.51.100.53 -- '
            for i in 1 2 3 4 5 6; do dig +tries=1 +short one.test; done'
    )");
    EXPECT_EQ(result.out, "192.0.2.1\n192.0.2.1\n192.0.2.1\n192.0.2.1\n192.0.2.1\n192.0.2.1\nin time\n")
        << result.err;
}

TEST_F(Dns, WithoutAServerThereIsAnErrorInBoundedTime) {
    const Result result = in_world_with_servers(R"(
        silent_server 198.51.100.2
        ask='dig +tries=1 +time=9 one.test | grep -o "status: [A-Z]*"'
        within 2 inside --dns 203.0.113.1 -- "$ask"
        within 7 inside --dns 198.51.100.2 -- "$ask"
    )");
    EXPECT_EQ(result.out, "status: SERVFAIL\nin time\nstatus: SERVFAIL\nin time\n") << result.err;
}

TEST_F(Dns, SearchDomainsAndHostsOfTheCommandLine) {
    const Result result = in_world_with_servers(R"(
        name_server 198.51.100.53 $one
        inside --dns 198.51.100.53 --dns-search test --add-host box.test:192.0.2.77 -- '
            getent ahostsv4 one | cut -d" " -f1 | sort -u; getent ahostsv4 box.test | cut -d" " -f1 | sort -u'
        asked 198.51.100.53
    )");
    EXPECT_EQ(result.out, "192.0.2.1\n192.0.2.77\none.test\n") << result.err;
}

TEST_F(Dns, ANameServerOnTheHostsLoopbackIsAsked) {
    // As systemd-resolved's is.
    const Result result = in_world_with_servers(R"(
        name_server 127.0.0.53 $one
        inside --dns 127.0.0.53 -- 'dig +short one.test; dig +tcp +short one.test'
    )");
    EXPECT_EQ(result.out, "192.0.2.1\n192.0.2.1\n") << result.err;
}

TEST_F(Dns, TheHostsServersAreAskedAndAChangeOfThemIsFollowed) {
    const Result result = in_world_with_servers(R"(
        name_server 198.51.100.53 --host-record=one.test,192.0.2.53
        name_server 203.0.113.1 --host-record=one.test,192.0.2.99
        export sandbox scratch
        unshare --mount sh -c '
            mkdir "$scratch/etc"
            cp -r /etc/. "$scratch/etc" 2>/dev/null
            mount --bind "$scratch/etc" /etc
            rm -f /etc/resolv.conf
            echo "nameserver 198.51.100.53" >/etc/resolv.conf
            mkfifo "$scratch/go"
            "$sandbox" run --userns single --quiet -v "$scratch/go:/tmp/go" host sh -c "
                dig +short one.test; echo changed >/tmp/go; i=0
                until [ \"\$(dig +short one.test)\" = 192.0.2.99 ] || [ \$i -gt 100 ]; do i=\$((i + 1)); sleep 0.05; done
                dig +short one.test" &
            read -r word <"$scratch/go"
            echo "nameserver 203.0.113.1" >/etc/resolv.conf.new
            mv /etc/resolv.conf.new /etc/resolv.conf
            wait'
    )");
    EXPECT_EQ(result.out, "192.0.2.53\n192.0.2.99\n") << result.err;
}

TEST_F(Dns, ADeniedNameIsNeverAskedWhateverTheTypeOrTransport) {
    const Result result = in_world_with_servers(R"(
        name_server 198.51.100.53 $one --host-record=evil.test,192.0.2.66 --txt-record=evil.test,secret
        within 3 inside --dns 198.51.100.53 --allow one.test -- '
            for type in A AAAA TXT MX HTTPS ANY; do dig +tries=1 secret.evil.test $type; done | grep -o "status: [A-Z]*" | sort -u
            dig +tcp evil.test txt | grep -o "status: [A-Z]*"
            dig -x 192.0.2.66 | grep -o "status: [A-Z]*"
            dig @fd00::3 evil.test | grep -o "EDE: 15"
            getent hosts evil.test; echo "getent $?"
            dig +short one.test'
        asked 198.51.100.53
    )");
    EXPECT_EQ(result.out,
              "status: NXDOMAIN\nstatus: NXDOMAIN\nstatus: NXDOMAIN\nEDE: 15\n"
              "getent 2\n192.0.2.1\nin time\none.test\n")
        << result.err;
}

TEST_F(Dns, AnAllowedNameOpensItsAddressesByAliasAndWildcard) {
    const Result result = in_world_with_servers(R"(
        serve tcp 198.51.100.1 8080 good; serve tcp 198.51.100.2 8080 evil
        name_server 198.51.100.53 --cname=a.b.good.test,cdn.other.test --host-record=cdn.other.test,198.51.100.1 \
            --host-record=good.test,198.51.100.2
        inside --dns 198.51.100.53 --allow "*.good.test:8080" -- '
            ask() { timeout 5 python3 -c "
import socket, sys
try:
    print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).recv(100).decode().strip())
except OSError as error:
    print(type(error).__name__)
" "$@"; }
            ask 198.51.100.1 8080; ask a.b.good.test 8080; ask 198.51.100.1 8080; ask 198.51.100.1 8081
            ask good.test 8080; ask cdn.other.test 8080; ask 198.51.100.2 8080'
        asked 198.51.100.53
    )");
    EXPECT_EQ(result.out,
              "ConnectionRefusedError\ngood\ngood\nConnectionRefusedError\n"
              "gaierror\ngaierror\nConnectionRefusedError\na.b.good.test\n")
        << result.err;
}

TEST_F(Dns, NoAnswerOpensTheGatewayOrLinkLocalAddresses) {
    const Result result = in_world_with_servers(R"(
        ip addr add 169.254.169.254/32 dev lo
        serve tcp 169.254.169.254 8080 metadata; serve tcp 127.0.0.1 8080 loopback
        name_server 198.51.100.53 --host-record=metadata.test,169.254.169.254 --host-record=gateway.test,10.0.2.2
        connect='
            for name in metadata.test gateway.test; do timeout 5 python3 -c "
import socket, sys
try:
    print(socket.create_connection((sys.argv[1], 8080), 3).recv(100).decode().strip())
except OSError as error:
    print(type(error).__name__)
" $name; done'
        inside --dns 198.51.100.53 --allow "*.test" --host-loopback -- "$connect"
        inside --dns 198.51.100.53 -- "$connect"
        inside --dns 198.51.100.53 --allow "*.test" --allow 10.0.2.2 --allow 169.254.169.254 --host-loopback -- "$connect"
    )");
    EXPECT_EQ(result.out,
              "ConnectionRefusedError\nConnectionRefusedError\nConnectionRefusedError\n"
              "ConnectionRefusedError\nmetadata\nloopback\n")
        << result.err;
}
