#import <Foundation/Foundation.h>

static const int kLimit = 64;


/** Who sends. */
@protocol Sender <NSObject>
- (void)send:(Letter *)letter;
@end

/// A box of letters.
@interface Box : NSObject <Sender>
@property (nonatomic, strong) NSArray *letters;
- (instancetype)initWithSize:(NSInteger)size;
@end

@implementation Box

// Sends a letter.
- (void)send:(Letter *)letter {
    [self.letters addObject:letter];
}

+ (instancetype)empty { return [[self alloc] initWithSize:0]; }

@end

int main(int argc, char *argv[]) {
    return 0;
}
