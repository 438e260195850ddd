require "post"

module Post
  # Most letters in a box.
  LIMIT = 64

  # A box of letters.
  class Box < Base
    attr_reader :letters

    SIZES = [1, 2].freeze

    # Sends a letter.
    def send_letter(letter)
      letters << letter
    end

    def self.open
      new
    end

    class << self
      def empty
        new
      end
    end

    private

    def empty? = letters.empty?
  end
end

def helper
  1
end
