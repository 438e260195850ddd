# A box of letters.
$Limit = 64

enum Order { Newest; Oldest }

<#
.SYNOPSIS
Sends a letter.
#>
function Send-Letter {
    param([string]$Letter)
    Add-Content -Path box -Value $Letter
}

class Box {
    [int] $Size

    # Makes one.
    Box([int]$size) {
        $this.Size = $size
    }

    [int] Length() {
        return $this.Size
    }
}

filter Select-Letter { $_ }
