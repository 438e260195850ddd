package Post::Box;

use strict;
use warnings;

# Most letters in a box.
our $LIMIT = 64;
use constant SIZE => 3;

=head2 send_letter

Sends a letter.

=cut

sub send_letter {
    my ($self, $letter) = @_;
    push @{ $self->{letters} }, $letter;
}

# Joins two boxes.
sub join_boxes { return (@{ $_[0] }, @{ $_[1] }) }

package Post::Stamp {
    sub new {
        my $class = shift;
        return bless {}, $class;
    }
}

1;
