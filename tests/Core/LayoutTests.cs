namespace Backup.Core.Tests;

public sealed class LayoutTests
{
    [Fact]
    public void Error_codes_are_never_removed() => Assert.Equal(29, Model.ErrorCode.All.Count);
}
