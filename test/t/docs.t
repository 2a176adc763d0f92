#!/usr/bin/env perl
# Runs the documentation: every block marked sql of README.md and docs/*.md, in order, each page in a new cluster.
#
# A block marked text right after one of them is what psql prints for it, to the letter (trailing blanks aside). A
# block that should fail is followed by its ERROR. A block with statements that end in "; -- answer" prints just these
# answers. Pages are read from top to bottom in one session, whose working
# directory is the top of the source tree.
use strict;
use warnings;
use File::Basename qw(dirname);
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;

my $top = abs_path(dirname($0) . '/../..');
chdir $top or die "$top: $!";

# Pages that ask an API find it where PG_ETL_API says. test/run.sh has one; run alone, the test has its own, which ends
# with it.
my $api = tempdir(CLEANUP => 1);
if (!$ENV{PG_ETL_API}) {
    chomp(my @found = qx{bash -c '. test/api.sh && api_launch "$api" --parent $$ && . "$api/api.env" && env'});
    /^(PG_ETL_API\w*)=(.*)/ and $ENV{$1} = $2 for @found;
}

sub block {
    my ($line, $sql) = @_;
    my @answers = $sql =~ /; -- (.*)$/mg;
    return { line => $line, sql => $sql } if !@answers;
    return {
        line     => $line,
        sql      => "\\pset format unaligned\n\\pset tuples_only on\n$sql\\pset format aligned\n\\pset tuples_only off",
        expected => join("\n", @answers) . "\n",
    };
}

# The page's blocks: { line, sql, expected (or undef) }.
sub blocks {
    my ($page) = @_;
    open my $in, '<', $page or die "$page: $!";
    my (@blocks, $kind, $text, $start, $after_sql);
    while (my $line = <$in>) {
        if (!defined $kind) {
            if ($line =~ /^```(\w*)\s*$/) { ($kind, $text, $start) = ($1, '', $.) }
            elsif ($line =~ /\S/) { $after_sql = 0 }
        }
        elsif ($line =~ /^```\s*$/) {
            if ($kind eq 'sql') { push @blocks, block($start, $text); $after_sql = 1 }
            elsif ($kind eq 'text' && $after_sql) { $blocks[-1]{expected} = $text; $after_sql = 0 }
            $kind = undef;
        }
        else { $text .= $line }
    }
    return @blocks;
}

my $mark = '==== end of block';

sub script {
    return join '', "\\set QUIET on\n\\set SHOW_CONTEXT never\n\\pset null ''\n", map { "\\set ON_ERROR_STOP off\n$_->{sql}\n\\echo $mark\n" } @_;
}

# What psql says to each block.
sub outputs {
    my ($dir, $page, @blocks) = @_;
    my $file = "$dir.sql";
    open my $out, '>', $file or die "$file: $!";
    print $out script(@blocks);
    close $out;
    my $printed = qx{bash -c '. test/cluster.sh && cluster_env "$dir" && PGDATABASE=docs stdbuf -oL psql -X < "$file" 2>&1'};
    unlink $file;
    $printed =~ s{\Q$ENV{PG_ETL_API}\E}{http://127.0.0.1:8080}g; # in the documentation it is there
    return split /^\Q$mark\E\n/m, $printed;
}

sub tidy {
    my ($text) = @_;
    $text =~ s/[ \t]+$//mg;
    $text =~ s/\A\n+//;
    $text =~ s/\n*\z/\n/;
    return $text;
}

sub check_page {
    my ($page) = @_;
    my @blocks = blocks($page);
    plan skip_all => 'no SQL' if !@blocks;
    chomp(my $dir = qx{bash -c '. test/cluster.sh && cluster_tmpdir'});
    system('bash', '-c', '. test/cluster.sh && cluster_start "$1" --database docs', 'bash', $dir) == 0
        or die "no cluster for $page";
    my @printed = outputs($dir, $page, @blocks);
    system('bash', '-c', '. test/cluster.sh && cluster_stop "$1"', 'bash', $dir);
    for my $i (0 .. $#blocks) {
        my $what = "$page line $blocks[$i]{line}";
        my $got = tidy($printed[$i] // "psql ended before this block\n");
        if (defined $blocks[$i]{expected}) {
            is($got, tidy($blocks[$i]{expected}), $what);
        }
        else {
            unlike($got, qr/^(ERROR|FATAL|PANIC|psql|server closed)/m, $what);
        }
    }
}

my @pages = @ARGV ? @ARGV : ('README.md', glob 'docs/*.md');
for my $page (grep { -e } @pages) {
    subtest $page => sub { check_page($page) };
}
done_testing();
