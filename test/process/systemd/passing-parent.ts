// Stands in for systemd where it starts a service with sockets: listens, passes them from descriptor 3 on, and starts the
// service again when it is killed, if it is to. In perl, since Node cannot listen without accepting.
import { existsSync } from 'node:fs';
import { PERL } from './notify-receiver.js';

/** Why there can be none here; undefined if there can. */
export const WHY_NO_PARENT: string | undefined = existsSync(PERL) ? undefined : 'there is no perl';

/** In its working directory: a service that was killed is started again. */
export const RESTART_FILE = 'restart';

/** Arguments of perl that run `command` with listeners on these ports of 127.0.0.1, behind a file that is no socket. */
export function passing(ports: readonly number[], command: readonly string[]): string[] {
  return ['-MSocket', '-MPOSIX', '-e', SCRIPT, String(ports.length), ...ports.map(String), ...command];
}

const SCRIPT = `
my @sockets;
my $count = shift;
open(my $file, '<', '/dev/null') or die $!;
push @sockets, $file;
for (1 .. $count) {
  my $port = shift;
  socket(my $socket, AF_INET, SOCK_STREAM, 0) or die $!;
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
  bind($socket, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die $!;
  listen($socket, 511) or die $!;
  push @sockets, $socket;
}
while (1) {
  my $pid = fork();
  if ($pid == 0) {
    # First out of the way of the places that they are to have.
    my @moved = map { fcntl($_, F_DUPFD, 100) } @sockets;
    for my $place (0 .. $#moved) { POSIX::dup2($moved[$place], 3 + $place); POSIX::close($moved[$place]); }
    $ENV{LISTEN_PID} = $$;
    $ENV{LISTEN_FDS} = scalar @moved;
    $ENV{LISTEN_FDNAMES} = join(':', 'file', map { "web$_" } 1 .. $count);
    exec @ARGV or die $!;
  }
  waitpid($pid, 0);
  exit($? >> 8) unless ($? & 127) && -e '${RESTART_FILE}';
}`;
