#!/usr/bin/perl -w -CAS
# Sqitch, loaded once: to compile its Perl takes longer than most commands do. Each one runs in a fork of this process, which has
# nothing of the one before. sqitch.pl SOCKET SQITCH listens there until its standard input ends; SQITCH is the installed one.

use POSIX qw(setlocale);
BEGIN { setlocale POSIX::LC_ALL, ''; }
use App::Sqitch;
use App::Sqitch::Command::deploy;
use App::Sqitch::Command::plan;
use App::Sqitch::Command::revert;
use App::Sqitch::Command::status;
use App::Sqitch::Command::verify;
use App::Sqitch::DateTime;
use App::Sqitch::Engine::pg;
use App::Sqitch::Target;
use DateTime::TimeZone::Local;
use DateTime::TimeZone::Local::Unix;
use DBD::Pg;
use Digest::SHA qw(sha1_hex);
use Encode qw(decode_utf8);
use IO::Handle;
use IO::Select;
use IO::Socket::UNIX;
use PerlIO::utf8_strict;
use URI::https;
use URI::pg;

my ($path, $sqitch) = @ARGV;
my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 20) or die "$path: $!\n";
my $caller;
my $events = IO::Select->new($listener, \*STDIN);
$SIG{CHLD} = 'IGNORE';
print "ready\n";
open STDOUT, '>', '/dev/null' or die "/dev/null: $!\n";

while (my @ready = $events->can_read) {
    exit if grep { $_ == \*STDIN } @ready;
    $caller = $listener->accept or next;
    last if !fork;
    undef $caller;
}

# In the fork
$SIG{CHLD} = 'DEFAULT';
close $listener;
my ($pid, $folder, $count, @words) = split /\0/, do { local $/; <$caller> }, -1;
my @arguments = splice @words, 0, $count;
@ARGV = map { decode_utf8 $_ } @arguments;
%ENV = @words;
$0 = $sqitch;
open STDIN, '<', "/proc/$pid/fd/0" or die "stdin: $!";
open my $output, '>>:raw', "/proc/$pid/fd/1" or die "stdout: $!";
open STDERR, '>>:utf8', "/proc/$pid/fd/2" or die "stderr: $!";
chdir $folder or die "$folder: $!";

# One plan has one list, which each health check asks for: what Sqitch said of it is kept.
my $list = @arguments && $arguments[0] eq 'plan' && join '.', $path,
    sha1_hex(join "\0", @arguments, (map { "$_=$ENV{$_}" } grep { /^SQITCH_/ } sort keys %ENV), map { content($_) } qw(sqitch.conf sqitch.plan));
if ($list && -e $list) {
    print $output content($list);
    exit;
}
open STDOUT, '>>:utf8', $list ? "$list.$$" : "/proc/$pid/fd/1" or die "stdout: $!";
exit App::Sqitch->go;

sub content {
    open my $file, '<:raw', shift or return '';
    local $/;
    return <$file>;
}

END { # wherever in Sqitch it ends
    if ($list && -e "$list.$$") {
        my $status = $?;
        STDOUT->flush;
        print $output content("$list.$$");
        $status ? unlink "$list.$$" : rename "$list.$$", $list;
        $? = $status;
    }
    close $output if $output;
    $caller->syswrite($?) if $caller;
}
