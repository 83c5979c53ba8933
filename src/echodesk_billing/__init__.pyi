from ._version import __version__ as __version__
from .adapters.handlers import (
    HandlersHang as HandlersHang,
)
from .adapters.mail.templates import (
    TemplateBroken as TemplateBroken,
)
from .application.changes import (
    Changed as Changed,
)
from .application.changes import (
    When as When,
)
from .application.charging import (
    Charge as Charge,
)
from .application.errors import (
    CallbackOrderUnknown as CallbackOrderUnknown,
)
from .application.errors import (
    CallbackRefused as CallbackRefused,
)
from .application.errors import (
    CardNotFound as CardNotFound,
)
from .application.errors import (
    CouponNotFound as CouponNotFound,
)
from .application.errors import (
    CustomerNotFound as CustomerNotFound,
)
from .application.errors import (
    EndpointNotFound as EndpointNotFound,
)
from .application.errors import (
    InvoiceNotFound as InvoiceNotFound,
)
from .application.errors import (
    LinkExpired as LinkExpired,
)
from .application.errors import (
    LinkInvalid as LinkInvalid,
)
from .application.errors import (
    OrderNotFound as OrderNotFound,
)
from .application.errors import (
    ProformaNotFound as ProformaNotFound,
)
from .application.importing import (
    ImportRefused as ImportRefused,
)
from .application.reconciliation import (
    Reconciled as Reconciled,
)
from .application.renewals import (
    Renewed as Renewed,
)
from .application.settled import (
    Outcome as Outcome,
)
from .application.settled import (
    Settled as Settled,
)
from .application.views import (
    OrderTimeline as OrderTimeline,
)
from .application.views import (
    SubscriptionView as SubscriptionView,
)
from .application.webhooks import (
    WithSecret as WithSecret,
)
from .billing import (
    Billing as Billing,
)
from .domain.accounting.audit import (
    Comparison as Comparison,
)
from .domain.accounting.invoice import (
    CreditNote as CreditNote,
)
from .domain.accounting.invoice import (
    Invoice as Invoice,
)
from .domain.accounting.invoice import (
    InvoiceDetails as InvoiceDetails,
)
from .domain.accounting.invoice import (
    InvoiceLine as InvoiceLine,
)
from .domain.accounting.invoice import (
    Party as Party,
)
from .domain.accounting.journal import (
    Entry as Entry,
)
from .domain.accounting.journal import (
    EntryKind as EntryKind,
)
from .domain.accounting.proforma import (
    Proforma as Proforma,
)
from .domain.accounting.statistics import (
    Business as Business,
)
from .domain.accounting.statistics import (
    Collection as Collection,
)
from .domain.accounting.statistics import (
    Month as Month,
)
from .domain.catalogue.catalogue import (
    Catalogue as Catalogue,
)
from .domain.catalogue.catalogue import (
    Category as Category,
)
from .domain.catalogue.catalogue import (
    Feature as Feature,
)
from .domain.catalogue.catalogue import (
    Package as Package,
)
from .domain.catalogue.catalogue import (
    PricingModel as PricingModel,
)
from .domain.catalogue.catalogue import (
    Translation as Translation,
)
from .domain.catalogue.discounts import (
    Discount as Discount,
)
from .domain.catalogue.limits import (
    Limits as Limits,
)
from .domain.catalogue.limits import (
    SeatRules as SeatRules,
)
from .domain.catalogue.pricing import (
    Item as Item,
)
from .domain.catalogue.pricing import (
    Plan as Plan,
)
from .domain.catalogue.pricing import (
    Selection as Selection,
)
from .domain.customers.card import (
    Card as Card,
)
from .domain.customers.card import (
    CardState as CardState,
)
from .domain.customers.customer import (
    BillingProfile as BillingProfile,
)
from .domain.customers.customer import (
    Customer as Customer,
)
from .domain.customers.registration import (
    Applicant as Applicant,
)
from .domain.errors import (
    AmountTooLarge as AmountTooLarge,
)
from .domain.errors import (
    BillingError as BillingError,
)
from .domain.errors import (
    ChangeRefused as ChangeRefused,
)
from .domain.errors import (
    CurrencyMismatch as CurrencyMismatch,
)
from .domain.errors import (
    FeatureRequired as FeatureRequired,
)
from .domain.errors import (
    IllegalTransition as IllegalTransition,
)
from .domain.errors import (
    InvalidArgument as InvalidArgument,
)
from .domain.errors import (
    InvalidCatalogue as InvalidCatalogue,
)
from .domain.errors import (
    InvalidMoney as InvalidMoney,
)
from .domain.errors import (
    InvalidPaymentOption as InvalidPaymentOption,
)
from .domain.errors import (
    InvalidSelection as InvalidSelection,
)
from .domain.errors import (
    InvalidTenant as InvalidTenant,
)
from .domain.errors import (
    NameTaken as NameTaken,
)
from .domain.errors import (
    NoActiveSubscription as NoActiveSubscription,
)
from .domain.errors import (
    NothingScheduled as NothingScheduled,
)
from .domain.errors import (
    TrialRefused as TrialRefused,
)
from .domain.events import (
    BillingProfileChanged as BillingProfileChanged,
)
from .domain.events import (
    BillingRecovered as BillingRecovered,
)
from .domain.events import (
    BillingStalled as BillingStalled,
)
from .domain.events import (
    CardForgotten as CardForgotten,
)
from .domain.events import (
    CardSaved as CardSaved,
)
from .domain.events import (
    CouponRedeemed as CouponRedeemed,
)
from .domain.events import (
    CreditNoteIssued as CreditNoteIssued,
)
from .domain.events import (
    CustomerErased as CustomerErased,
)
from .domain.events import (
    DaysGiven as DaysGiven,
)
from .domain.events import (
    DefaultCardChosen as DefaultCardChosen,
)
from .domain.events import (
    Event as Event,
)
from .domain.events import (
    InvoiceIssued as InvoiceIssued,
)
from .domain.events import (
    OrderAttentionResolved as OrderAttentionResolved,
)
from .domain.events import (
    OrderCompleted as OrderCompleted,
)
from .domain.events import (
    OrderContested as OrderContested,
)
from .domain.events import (
    OrderCorrected as OrderCorrected,
)
from .domain.events import (
    OrderCreated as OrderCreated,
)
from .domain.events import (
    OrderEvent as OrderEvent,
)
from .domain.events import (
    OrderMismatch as OrderMismatch,
)
from .domain.events import (
    OrderRefunded as OrderRefunded,
)
from .domain.events import (
    OrderRejected as OrderRejected,
)
from .domain.events import (
    PaymentActionRequired as PaymentActionRequired,
)
from .domain.events import (
    PlanMadeComplimentary as PlanMadeComplimentary,
)
from .domain.events import (
    ReminderDue as ReminderDue,
)
from .domain.events import (
    RenewalUpcoming as RenewalUpcoming,
)
from .domain.events import (
    SubscriptionActivated as SubscriptionActivated,
)
from .domain.events import (
    SubscriptionCancelled as SubscriptionCancelled,
)
from .domain.events import (
    SubscriptionChanged as SubscriptionChanged,
)
from .domain.events import (
    SubscriptionChangeDropped as SubscriptionChangeDropped,
)
from .domain.events import (
    SubscriptionChangeScheduled as SubscriptionChangeScheduled,
)
from .domain.events import (
    SubscriptionEnded as SubscriptionEnded,
)
from .domain.events import (
    SubscriptionEvent as SubscriptionEvent,
)
from .domain.events import (
    SubscriptionImported as SubscriptionImported,
)
from .domain.events import (
    SubscriptionPastDue as SubscriptionPastDue,
)
from .domain.events import (
    SubscriptionPaused as SubscriptionPaused,
)
from .domain.events import (
    SubscriptionPauseScheduled as SubscriptionPauseScheduled,
)
from .domain.events import (
    SubscriptionRenewed as SubscriptionRenewed,
)
from .domain.events import (
    SubscriptionResumed as SubscriptionResumed,
)
from .domain.events import (
    SubscriptionSuspended as SubscriptionSuspended,
)
from .domain.events import (
    TenantRegistered as TenantRegistered,
)
from .domain.events import (
    TrialStarted as TrialStarted,
)
from .domain.events import (
    WebhookEndpointDisabled as WebhookEndpointDisabled,
)
from .domain.money import (
    Currency as Currency,
)
from .domain.money import (
    Money as Money,
)
from .domain.notifications.webhook import (
    Delivery as Delivery,
)
from .domain.notifications.webhook import (
    DeliveryState as DeliveryState,
)
from .domain.notifications.webhook import (
    Endpoint as Endpoint,
)
from .domain.notifications.webhook import (
    Secret as Secret,
)
from .domain.notifications.webhook import (
    Try as Try,
)
from .domain.orders.history import (
    Step as Step,
)
from .domain.orders.lifecycle import (
    OrderState as OrderState,
)
from .domain.orders.order import (
    Order as Order,
)
from .domain.orders.payment_request import (
    BasketItem as BasketItem,
)
from .domain.orders.payment_request import (
    Campaign as Campaign,
)
from .domain.orders.payment_request import (
    Capture as Capture,
)
from .domain.orders.payment_request import (
    Loan as Loan,
)
from .domain.orders.payment_request import (
    PaymentMethod as PaymentMethod,
)
from .domain.orders.payment_request import (
    PaymentOptions as PaymentOptions,
)
from .domain.orders.payment_request import (
    PaymentRequest as PaymentRequest,
)
from .domain.orders.payment_request import (
    SaveCard as SaveCard,
)
from .domain.orders.payment_request import (
    Split as Split,
)
from .domain.orders.payment_request import (
    SplitPart as SplitPart,
)
from .domain.orders.payment_request import (
    Theme as Theme,
)
from .domain.orders.payment_request import (
    Transfer as Transfer,
)
from .domain.orders.payment_request import (
    Wallet as Wallet,
)
from .domain.orders.purpose import (
    Purpose as Purpose,
)
from .domain.orders.refund import (
    Refund as Refund,
)
from .domain.orders.refund import (
    RefundState as RefundState,
)
from .domain.subscriptions.coupons import (
    Coupon as Coupon,
)
from .domain.subscriptions.coupons import (
    CouponKind as CouponKind,
)
from .domain.subscriptions.dunning import (
    Dunning as Dunning,
)
from .domain.subscriptions.free_time import (
    Complimentary as Complimentary,
)
from .domain.subscriptions.free_time import (
    Pause as Pause,
)
from .domain.subscriptions.lifecycle import (
    SubscriptionState as SubscriptionState,
)
from .domain.subscriptions.plans import (
    PlanChange as PlanChange,
)
from .domain.subscriptions.plans import (
    Plans as Plans,
)
from .domain.subscriptions.proration import (
    PaidPeriod as PaidPeriod,
)
from .domain.subscriptions.purchase import (
    Preview as Preview,
)
from .domain.subscriptions.subscription import (
    Subscription as Subscription,
)
from .domain.subscriptions.term import (
    Span as Span,
)
from .domain.subscriptions.term import (
    Term as Term,
)
from .ports.access import (
    Access as Access,
)
from .ports.access import (
    Principal as Principal,
)
from .ports.access import (
    Scope as Scope,
)
from .ports.gateway import (
    GatewayError as GatewayError,
)
from .ports.gateway import (
    GatewayNonsense as GatewayNonsense,
)
from .ports.gateway import (
    GatewayNotConfigured as GatewayNotConfigured,
)
from .ports.gateway import (
    GatewayOutcomeUnknown as GatewayOutcomeUnknown,
)
from .ports.gateway import (
    GatewayRefused as GatewayRefused,
)
from .ports.gateway import (
    GatewayTimeout as GatewayTimeout,
)
from .ports.gateway import (
    GatewayUnavailable as GatewayUnavailable,
)
from .ports.gateway import (
    MalformedCallback as MalformedCallback,
)
from .ports.mailer import (
    AddressRefused as AddressRefused,
)
from .ports.mailer import (
    MailFailed as MailFailed,
)
from .ports.mailer import (
    MailInDoubt as MailInDoubt,
)
from .ports.mailer import (
    MailPostponed as MailPostponed,
)
from .ports.mailer import (
    MailRefused as MailRefused,
)
from .ports.mailer import (
    MailServerAway as MailServerAway,
)
from .ports.old_tables import (
    OldTablesUnreadable as OldTablesUnreadable,
)
from .ports.storage.inbox import (
    InboxEntry as InboxEntry,
)
from .ports.storage.tokens import (
    StoredToken as StoredToken,
)
from .ports.storage.unit_of_work import (
    StorageUnavailable as StorageUnavailable,
)
from .ports.usage import (
    Usage as Usage,
)
from .ports.usage import (
    UsageMeter as UsageMeter,
)
from .ports.vault import (
    VaultClosed as VaultClosed,
)
from .setting_values import (
    InvalidSettings as InvalidSettings,
)
from .settings import (
    Settings as Settings,
)
from .settings import (
    load_settings as load_settings,
)
