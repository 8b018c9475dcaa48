using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Backup.Core.Model;

namespace Backup.Core.Storage;

/// <summary>
/// The one place where what S3, the SDK and the network report becomes a vault error. S3's own text is repeated only where it helps and cannot
/// hold a credential.
/// </summary>
internal static class S3Errors
{
    /// <param name="action">The IAM action, for example <c>s3:PutObject</c>: what a denied caller must be granted.</param>
    /// <param name="what">The object or bucket as a URL without query.</param>
    public static async Task<T> MapAsync<T>(string action, string what, Func<Task<T>> call, CancellationToken cancel)
    {
        try
        {
            return await call();
        }
        catch (Exception e) when (IsTransport(e) || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            cancel.ThrowIfCancellationRequested(); // a cancelled request may fail with the network's error first
            throw ToVaultError(action, what, e);
        }
    }

    /// <summary>True for a failure on the way, not for one of this program.</summary>
    public static bool IsTransport(Exception e) =>
        e is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or TimeoutException;

    public static bool IsStatus(Exception e, HttpStatusCode status) => e is AmazonServiceException service && service.StatusCode == status;

    private static BackupException ToVaultError(string action, string what, Exception e) => e switch
    {
        AmazonServiceException { ErrorCode: "NoSuchBucket" } => new(ErrorCode.VaultMissing, $"the bucket of {what} does not exist",
            "Create the bucket, or correct the vault's URL and region.", e),
        AmazonServiceException { ErrorCode: "InvalidObjectState" } => new(ErrorCode.VaultCold, $"{what} is in an archive class",
            "Thaw the backup first; from Glacier that takes 3 to 5 hours, from Deep Archive up to 12.", e),
        AmazonServiceException { ErrorCode: "NoSuchUpload" } => new(ErrorCode.VaultBusy, $"the upload of {what} was removed while it was running",
            "Find out which other run writes into this vault; then run it again.", e),
        AmazonServiceException { ErrorCode: "QuotaExceeded" or "XMinioStorageFull" } or AmazonServiceException { StatusCode: HttpStatusCode.InsufficientStorage } =>
            new(ErrorCode.VaultFull, $"{what} cannot be stored: the vault is full", "Raise the vault's quota or lower the retention.", e),
        AmazonServiceException { ErrorCode: "BadDigest" or "XAmzContentChecksumMismatch" or "InvalidDigest" } => Unreachable(action, what, "the bytes arrived changed", e),
        AmazonServiceException { ErrorCode: "InvalidAccessKeyId" or "SignatureDoesNotMatch" or "ExpiredToken" or "ExpiredTokenException" or "InvalidToken"
            or "TokenRefreshRequired" } service => Credentials(what, service.ErrorCode, e),
        AmazonServiceException { ErrorCode: "RequestTimeTooSkewed" } => new(ErrorCode.VaultDenied, $"{what} was refused because this machine's clock is wrong",
            "Set the clock (NTP); S3 accepts 15 minutes of difference.", e),
        AmazonServiceException { ErrorCode: "PermanentRedirect" or "AuthorizationHeaderMalformed" or "IllegalLocationConstraintException" }
            or AmazonServiceException { StatusCode: HttpStatusCode.MovedPermanently or HttpStatusCode.TemporaryRedirect } =>
            new(ErrorCode.VaultDenied, $"the bucket of {what} is in another region", "Set AWS_REGION, or add ?region=… to the vault's URL.", e),
        AmazonServiceException { StatusCode: HttpStatusCode.Forbidden } service => new(ErrorCode.VaultDenied,
            $"{action} on {what} is denied{Reason(service)}", $"Grant {action} (and the key's kms: actions) on it to the role that runs this.", e),
        AmazonServiceException { StatusCode: HttpStatusCode.NotFound } => new(ErrorCode.VaultMissing, $"{what} does not exist", "List the vault to see what it holds.", e),
        AmazonServiceException { StatusCode: HttpStatusCode.PreconditionFailed } => new(ErrorCode.VaultConflict, $"{what} exists already",
            "Objects are written once; run it again to get a new name.", e),
        AmazonServiceException { StatusCode: HttpStatusCode.Conflict } => new(ErrorCode.VaultConflict, $"{what} is being written by somebody else at this moment",
            "Run it again.", e) { IsTransient = true },
        AmazonServiceException { StatusCode: >= HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout } service =>
            Unreachable(action, what, $"S3 answers {Code(service)}", e),
        AmazonServiceException { ErrorCode: "RequestTimeout" or "SlowDown" or "InternalError" } service => Unreachable(action, what, $"S3 answers {Code(service)}", e),
        AmazonServiceException { StatusCode: not 0 } service => new(ErrorCode.VaultDenied, $"{action} on {what} was refused: {Code(service)}{Reason(service)}",
            "Correct what S3 names; the vault's URL and the bucket's settings are the usual places.", e),
        _ when IsAboutCredentials(e) => Credentials(what, "no credentials were found", e),
        _ => Unreachable(action, what, Innermost(e).Message, e),
    };

    private static BackupException Unreachable(string action, string what, string why, Exception e) =>
        new(ErrorCode.VaultUnreachable, $"{action} on {what} failed: {why}", "Check the network, the endpoint and the AWS status page; then run it again.", e)
        {
            IsTransient = true,
        };

    private static BackupException Credentials(string what, string why, Exception e) => new(ErrorCode.VaultDenied,
        $"the AWS credentials for {what} do not work: {why}",
        "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN); renew them if they have expired.", e);

    private static bool IsAboutCredentials(Exception e) =>
        e is AmazonClientException or AmazonServiceException && e.Message.Contains("credentials", StringComparison.OrdinalIgnoreCase);

    private static string Code(AmazonServiceException e) => string.IsNullOrEmpty(e.ErrorCode) ? $"{(int)e.StatusCode}" : e.ErrorCode;

    // HEAD has no body, so no text; a text that names the signed request is never repeated.
    private static string Reason(AmazonServiceException e) =>
        e.ErrorCode is "AccessDenied" or "InvalidRequest" or "InvalidArgument" or "InvalidBucketState" && e.Message.Length is > 0 and < 400 ? $" ({e.Message})" : "";

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;
}
