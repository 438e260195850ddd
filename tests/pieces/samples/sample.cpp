#include <vector>

namespace post::office {

// How letters are sorted.
enum class Order { newest, oldest };

using Letters = std::vector<Letter>;

constexpr int kLimit = 64;

/// A box of letters.
template <typename T>
class Box : public Base {
 public:
  explicit Box(int size) : size_(size) {}
  ~Box() { clear(); }

  /// Adds a letter.
  void push(const T& letter) {
    letters_.push_back(letter);
  }

  T& operator[](int index) { return letters_[index]; }
  int length() const;

 private:
  int size_ = 0;
  std::vector<T> letters_;
};

template <typename T>
int Box<T>::length() const {
  return static_cast<int>(letters_.size());
}

void Office::close() noexcept { open_ = false; }

struct Stamp { int value; };

template <typename T>
concept Sendable = requires(T t) { t.send(); };

}  // namespace post::office

#define POST_VERSION 3

extern "C" {
int post_main(int argc, char** argv) { return 0; }
}

POST_NAMESPACE_BEGIN
namespace detail {
class POST_API Reader : public Base {
 public:
  int read() { return 1; }
};
}  // namespace detail
POST_NAMESPACE_END
