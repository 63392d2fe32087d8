#!/usr/bin/perl -w
# A command for the tests, first on their PATH under its own name: it is loaded already, in a process that listens beside it.

use Cwd qw(getcwd);
use Socket qw(AF_UNIX SOCK_STREAM pack_sockaddr_un);

my $path = "$0.socket";
socket my $server, AF_UNIX, SOCK_STREAM, 0 or die "$0: $!\n";
connect $server, pack_sockaddr_un($path) or die "$0: nobody listens at $path: $!\n";
syswrite $server, join "\0", $$, getcwd, scalar @ARGV, @ARGV, %ENV;
shutdown $server, 1;
sysread($server, my $status, 3) or die "$0: it ended without a status\n";
exit $status;
